"""The tokeniser of the default model, as README.md ("Tokeniser") specifies it, and the two hashes the model file uses.

tokens(data) is the definition in executable form: the C++ runtime must return the same tokens for every byte string.
"""

import re

TOKEN_SIZE_MAX = 64

# In order: a run of digits; an acronym with a plural s ("URLs"); an acronym that a capitalised word may follow
# ("HTTP" of "HTTPServer"); a word with or without a capital. Bytes of 0x80 and above are lower-case letters.
_TOKEN = re.compile(rb"[0-9]+"
                    rb"|[A-Z]{2,}s(?![A-Za-z\x80-\xff])"
                    rb"|[A-Z]+(?![a-z\x80-\xff])"
                    rb"|[A-Z]?[a-z\x80-\xff]+")

FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3


def tokens(data):
    """Lower-cased tokens of a byte string, in order."""
    found = []
    for token in _TOKEN.findall(data):
        token = token.lower()  # bytes.lower() touches ASCII only
        if len(token) <= TOKEN_SIZE_MAX:
            found.append(token)
        else:
            found.extend(token[at:at + TOKEN_SIZE_MAX] for at in range(0, len(token), TOKEN_SIZE_MAX))
    return found


def fnv1a_64(data):
    """64-bit FNV-1a (Fowler, Noll, Vo; RFC 9923)."""
    value = FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return value


def ngrams(token, size):
    """Byte n-grams of "<token>"; the whole of it where it is shorter than one n-gram."""
    framed = b"<" + token + b">"
    return [framed[at:at + size] for at in range(max(1, len(framed) - size + 1))]
