"""The app as a web server: `streamlit run app.py`.

`main.py` is the script that Streamlit runs for each browser tab; this adds what a script cannot
do, a cookie that JavaScript cannot read.
"""

from starlette.middleware import Middleware
from streamlit.starlette import App

from simulator.settings import check
from simulator.web import ROUTES, SecurityHeaders

check()
app = App("main.py", routes=ROUTES, middleware=[Middleware(SecurityHeaders)])
