"""The page to log in."""

from simulator.login_form import show_login

show_login()
