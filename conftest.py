"""One set of real parts for a whole run, whichever folders it takes."""

pytest_plugins = ["tests.parts"]
