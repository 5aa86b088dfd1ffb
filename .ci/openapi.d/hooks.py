"""Who schemathesis is: the administrator, with a token that is live."""

import pathlib
import sys

import schemathesis

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import administrator


# Without an interval: what is tried may be a logout.
@schemathesis.auth(refresh_interval=None)
class Administrator:
    token = ""

    def get(self, _case, _context):
        if administrator.ask("GET", "/profile", token=self.token)[0] != 200:
            Administrator.token = administrator.login()
        return self.token

    def set(self, case, token, _context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {token}"
