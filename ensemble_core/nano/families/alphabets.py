"""The alphabets of the nano families, each an order of characters."""

from typing import Final

#: Ten characters each, so that the domains differ in nothing but their symbols.
ALPHABETS: Final = {"letters": "abcdefghij", "digits": "0123456789"}
