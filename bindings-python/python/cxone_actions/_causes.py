"""What decided an error, as Python itself says such a thing: the `__cause__` of an exception.

The promise: what the system said is an `OSError` of the class that Python has for it, with the words of the core and
neither a URL nor a secret; what the caller's own function for tokens raised is that very object.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from typing import Any

#: The codes of a certificate that is refused, and the number that OpenSSL knows each by.
_CERTIFICATES = {
    "CERT_SIGNATURE_FAILURE": 7,
    "CERT_NOT_YET_VALID": 9,
    "CERT_HAS_EXPIRED": 10,
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE": 21,
    "CERT_REVOKED": 23,
    "INVALID_PURPOSE": 26,
    "CERT_REJECTED": 28,
    "ERR_TLS_CERT_ALTNAME_INVALID": 62,
}


def cause_of(fields: Mapping[str, Any]) -> BaseException | None:
    """The cause of an error of the core, where it has one."""
    raised_by, cause = fields.get("raised_by"), fields.get("cause")
    if raised_by is not None:
        from . import _tokens

        return _tokens.raised_by(**raised_by)
    return None if cause is None else system_error(**cause)


def system_error(code: str, message: str) -> OSError:
    """What `code` is in Python."""
    if code == "ENOTFOUND":
        return socket.gaierror(socket.EAI_NONAME, message)
    if code in _CERTIFICATES or code.startswith("ERR_TLS"):
        return _tls_error(code, message)
    number: int | None = getattr(errno, code, None)
    # With its number, an `OSError` becomes the class that stands for it: `ConnectionRefusedError`, `TimeoutError`, …
    return OSError(message) if number is None else OSError(number, message)


def _tls_error(code: str, message: str) -> OSError:
    try:
        import ssl
    except ImportError:  # a Python without OpenSSL: the core has a TLS of its own
        return OSError(message)
    if code not in _CERTIFICATES:
        return ssl.SSLError(ssl.SSLErrorNumber.SSL_ERROR_SSL, message)
    error = ssl.SSLCertVerificationError(ssl.SSLErrorNumber.SSL_ERROR_SSL, message)
    error.verify_code, error.verify_message = _CERTIFICATES[code], message
    return error
