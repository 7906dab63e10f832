"""One module per command; `main.py` names them, and imports a module only when it is needed."""
