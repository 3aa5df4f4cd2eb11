"""The parameters that libpq knows in a URL, up to PostgreSQL 18, and what becomes of each. Data, without code.

Sources: "Parameter Key Words" in PostgreSQL's documentation of libpq, and asyncpg 0.32 (``connect_utils.py``).
"""

from __future__ import annotations

# The driver does what they say.
OF_THE_DRIVER = frozenset(
    {
        "database",  # the driver's own other name of dbname
        "dbname",
        "gsslib",
        "host",
        "krbsrvname",
        "options",  # passed on to the server, as is
        "passfile",
        "password",
        "port",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "target_session_attrs",
        "user",
    }
)
# Synkron does what they say: with the least and the most for a number, None for a text.
OF_SYNKRON: dict[str, tuple[int, int] | None] = {
    "application_name": None,
    "connect_timeout": (1, 600),  # 0 would be to wait for ever
    "fallback_application_name": None,
    "keepalives": (0, 1),
    "keepalives_count": (0, 127),
    "keepalives_idle": (0, 32_767),
    "keepalives_interval": (0, 32_767),
    "tcp_user_timeout": (0, 2**31 - 1),
}
# The only values of a parameter.
VALUES: dict[str, tuple[str, ...]] = {
    "gsslib": ("gssapi", "sspi"),
    "ssl_max_protocol_version": ("TLSv1.2", "TLSv1.3"),
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}
# Values that say what the driver does anyway. Other values of these parameters are refused.
AS_IT_IS: dict[str, tuple[str, ...]] = {
    "channel_binding": ("disable", "prefer"),
    "client_encoding": ("utf8", "utf-8", "auto"),
    "gssdelegation": ("0",),
    "gssencmode": ("disable", "prefer"),
    "load_balance_hosts": ("disable",),
    "max_protocol_version": ("3.0", "3.2", "latest"),
    "min_protocol_version": ("3.0",),
    "replication": ("false", "off", "no", "0"),
    "requiressl": ("0",),
    "sslcertmode": ("allow",),
    "sslcompression": ("0",),
    "sslsni": ("1",),
}
# What to do instead of a parameter that is not supported.
INSTEAD: dict[str, str] = {
    "authtype": "it has had no effect for long; remove it",
    "channel_binding": (
        "the driver does not bind to the TLS channel. To be sure of the server, set sslmode=verify-full and sslrootcert"
    ),
    "client_encoding": "Synkron speaks UTF-8 with any server; remove it",
    "gssdelegation": "the driver does not delegate credentials; remove it",
    "gssencmode": "the driver encrypts by TLS only; set sslmode=require instead",
    "hostaddr": "write the address in place of the host name",
    "load_balance_hosts": "hosts are tried in their order; remove it",
    "max_protocol_version": "the driver speaks version 3.0 of the protocol; remove it",
    "min_protocol_version": "the driver speaks version 3.0 of the protocol; remove it",
    "oauth_client_id": "the driver can't log in by OAuth; use a password or a certificate",
    "oauth_client_secret": "the driver can't log in by OAuth; use a password or a certificate",
    "oauth_issuer": "the driver can't log in by OAuth; use a password or a certificate",
    "oauth_scope": "the driver can't log in by OAuth; use a password or a certificate",
    "replication": "Synkron does not replicate; remove it",
    "require_auth": (
        "the driver uses the method that the server asks for. To be sure of the server, set sslmode=verify-full and "
        "sslrootcert"
    ),
    "requirepeer": "the driver does not check the server's user; remove it",
    "requiressl": "set sslmode=require instead",
    "scram_client_key": "give the password instead",
    "scram_server_key": "give the password instead",
    # The driver connects elsewhere, without a word, if the file or the service in it is not there.
    "service": "write what the service's file says into the URL",
    "servicefile": "write what the service's file says into the URL",
    "ssl": "set sslmode=require instead",
    "sslcertmode": "the driver sends the certificate of sslcert if the server asks for one; remove it",
    "sslcompression": "compressed TLS is not safe, and the driver never uses it; remove it",
    "sslcrldir": "name one file, in sslcrl",
    "sslkeylogfile": "name the file in the environment, as SSLKEYLOGFILE",
    "sslsni": "the driver always names the host to the server; remove it",
}
UNKNOWN = (
    "PostgreSQL's own clients do not know it either. Remove it (Synkron finds a pooler by itself); a setting of the "
    "server is written as options=-c%20NAME%3DVALUE"
)
