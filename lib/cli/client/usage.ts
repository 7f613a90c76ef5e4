/** What `--help` prints. @param program The name by which it was called. */
export const usage = (program: string) => `${program} <options> [command [argument ...]]

Without a command, commands are read from standard input, at a terminal with a prompt.

The server
  -h <host>            its name or address (127.0.0.1)
  -p <port>            its port (6379)
  -s <path>            its Unix socket, in place of both
  -u <uri>             redis://user:password@host:port/db, or rediss:// with TLS
  -4, -6               only by IPv4, only by IPv6
  -t <seconds>         longest wait for a connection
  -n <db>              number of the database
  -c                   follow MOVED and ASK to other nodes of a cluster
  -3, -2               speak RESP3, or RESP2 (the default)

Who you are
  -a, --pass <password>   others may see it: REDISCLI_AUTH in the environment is better
  --user <name>           an ACL user; needs a password
  --askpass               type the password
  --no-auth-warning       say nothing about -a

TLS
  --tls                connect with TLS
  --cacert <file>, --cacertdir <folder>   whom to trust
  --cert <file>, --key <file>             who we are, as PEM
  --sni <name>         the server's name, if the host is not
  --insecure           trust anybody
  --tls-ciphers <list>, --tls-ciphersuites <list>

What is sent
  -x                   standard input is the last argument
  -X <word>            standard input takes the place of the argument <word>
  --quoted-input       arguments are quoted strings, as in "\\x00abc"
  -r <n>, -i <seconds> n times (-1: for ever), with so much time between them
  --pipe               standard input goes to the server as it is; replies are counted
  --pipe-timeout <s>   longest wait for a reply then (30; 0: for ever)
  --eval <file> [key ...] , [argument ...]   a script, for a server that has them

What is printed
  --no-raw             replies with their types (the default at a terminal)
  --raw                replies as they are (the default elsewhere)
  --csv, --json, --quoted-json
  -d <text>, -D <text> between items (a line end), behind replies (a line end); raw only
  -e                   end with 1 if a reply is an error
  --show-pushes <yes|no>   RESP3 pushes

All keys
  --scan               print them; --pattern <glob> or --quoted-pattern, --count <n>
  --bigkeys, --memkeys [--memkeys-samples <n>]   the largest of each type
  -i <seconds>         sleep meanwhile

Watch
  --stat               a line of figures each second
  --latency, --latency-history   how long PINGs take, in milliseconds

  --help, --version
`;
