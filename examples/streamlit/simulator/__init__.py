"""A simulator of CEFR speaking exams."""
