-- What is asked about a pooler.

-- name: server
-- The process that serves this connection now, and the port from which it sees its client; null over a Unix socket.
select pg_backend_pid() as pid, inet_client_port() as port;

-- name: notify
select pg_notify($1, '');
