"""The options of a MongoDB URI: their names, their kinds, and those that the daemon refuses."""

from collections.abc import Mapping
from typing import Literal

Kind = Literal["bool", "number", "text", "file"]

_BOOLS = (
    *("connect", "directConnection", "enableOverloadRetargeting", "fsync", "journal"),
    *("loadBalanced", "retryReads", "retryWrites", "ssl", "tls", "tlsAllowInvalidCertificates"),
    *("tlsAllowInvalidHostnames", "tlsDisableOCSPEndpointCheck", "tlsInsecure", "tz_aware"),
)
_NUMBERS = (
    *("connectTimeoutMS", "heartbeatFrequencyMS", "localThresholdMS", "maxAdaptiveRetries"),
    *("maxConnecting", "maxIdleTimeMS", "maxPoolSize", "maxStalenessSeconds", "minPoolSize"),
    *("serverSelectionTimeoutMS", "socketTimeoutMS", "srvMaxHosts", "timeoutMS"),
    *("waitQueueMultiple", "waitQueueTimeoutMS", "wTimeoutMS", "zlibCompressionLevel"),
)
_TEXTS = (
    *("appName", "authMechanism", "authMechanismProperties", "authSource", "compressors"),
    *("datetime_conversion", "readConcernLevel", "readPreference", "readPreferenceTags"),
    *("replicaSet", "serverMonitoringMode", "srvAllowedHostsSuffix", "srvServiceName"),
    *("tlsCertificateKeyFilePassword", "unicode_decode_error_handler", "uuidRepresentation", "w"),
)
_FILES = ("tlsCAFile", "tlsCertificateKeyFile", "tlsCRLFile")

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(_BOOLS, "bool"),
    **dict.fromkeys(_NUMBERS, "number"),
    **dict.fromkeys(_TEXTS, "text"),
    **dict.fromkeys(_FILES, "file"),
}
"""Every option by its usual spelling; drivers do not mind its case."""
BY_FOLDED: Mapping[str, str] = {name.lower(): name for name in KINDS}

WORDS: Mapping[str, tuple[str, ...]] = {
    "readPreference": (
        *("primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"),
    ),
    "authMechanism": (
        *("DEFAULT", "GSSAPI", "MONGODB-AWS", "MONGODB-OIDC", "MONGODB-X509", "PLAIN"),
        *("SCRAM-SHA-1", "SCRAM-SHA-256"),
    ),
    "serverMonitoringMode": ("auto", "poll", "stream"),
    "datetime_conversion": (
        *("DATETIME", "DATETIME_AUTO", "DATETIME_CLAMP", "DATETIME_MS", "1", "2", "3", "4"),
    ),
    "unicode_decode_error_handler": ("ignore", "replace", "strict"),
    "uuidRepresentation": (
        *("csharpLegacy", "javaLegacy", "pythonLegacy", "standard", "unspecified"),
    ),
}
"""Options that take one of some words."""

_PROPERTIES = (
    *("AWS_SESSION_TOKEN", "CANONICALIZE_HOST_NAME", "ENVIRONMENT", "SERVICE_HOST"),
    *("SERVICE_NAME", "SERVICE_REALM", "TOKEN_RESOURCE"),
)
_ABOVE_ZERO = (r"(?!0+(?:\.0*)?$).*", "must be a number above 0")
FORMS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("heartbeatFrequencyMS", "maxConnecting", "maxIdleTimeMS", "maxStalenessSeconds"),
        _ABOVE_ZERO,
    ),
    "waitQueueTimeoutMS": _ABOVE_ZERO,
    "w": (
        r"(?!-\d+$).*",
        "must be a number of members, not below 0, or the name of a write concern",
    ),
    "readPreferenceTags": (
        r"(?:[^:,]+:[^:,]*(?:,[^:,]+:[^:,]*)*)?",
        "must be pairs such as dc:east,rack:1",
    ),
    "compressors": (
        r"(?:snappy|zlib|zstd)(?:,(?:snappy|zlib|zstd))*",
        "must be some of snappy, zlib, zstd, separated by commas",
    ),
    "authMechanismProperties": (
        rf"(?:{'|'.join(_PROPERTIES)}):[^,]*(?:,(?:{'|'.join(_PROPERTIES)}):[^,]*)*",
        f"must be pairs NAME:VALUE, separated by commas; names are {', '.join(_PROPERTIES)}",
    ),
}
"""Options that take texts of one form, with the sentence for any other text."""

REFUSED: Mapping[str, str] = {
    "tlsInsecure": "the daemon would talk to whatever answers; name your authority by tlsCAFile",
    "tlsAllowInvalidCertificates": "the daemon would talk to whatever answers; name your "
    "authority by tlsCAFile",
    "tlsAllowInvalidHostnames": "the daemon would talk to whatever answers; use the name that the "
    "certificate has",
}
"""Options that break a promise when they are true, with the remedy."""

FEWEST_CONNECTIONS = 10
"""With fewer, the renewal of leases waits for the change stream and for imports."""

OVERRULED: Mapping[str, str] = {
    "readPreference": "reads go to the primary",
    "readPreferenceTags": "reads go to the primary",
    "maxStalenessSeconds": "reads go to the primary",
    "readConcernLevel": "reads see what a majority of members has",
    "w": "writes wait for a majority of members",
    "wTimeoutMS": "writes wait for a majority of members",
    "journal": "writes wait for a majority of members",
    "fsync": "writes wait for a majority of members",
    "retryWrites": "writes are repeated once by the driver",
    "retryReads": "reads are repeated once by the driver",
}
"""Options that the daemon overrules, with the reason."""
