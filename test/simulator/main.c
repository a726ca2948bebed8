/*-------------------------------------------------------------------------
 *
 * main.c
 *	  joor_simulator: a JOOR to test against.
 *
 * Words are in simulator.h, the control side in control.c.  The main thread
 * only starts the two servers, says where they listen, and waits for the
 * end: SIGTERM, SIGINT, or with --exit-with-stdin the end of its input.
 *
 * IDENTIFICATION
 *	  test/simulator/main.c
 *
 *-------------------------------------------------------------------------
 */
#include "control.h"
#include "memory.h"
#include "order.h"
#include "server.h"
#include "simulator.h"

#include <getopt.h>
#include <libxml/parser.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

typedef struct Arguments
{
	ServerOptions server;
	uint16_t	  control_port;
	const char	 *port_file; /* NULL: none */
	bool		  exit_with_stdin;
} Arguments;

static const char usage[] =
	"joor_simulator: a JOOR to test against, on 127.0.0.1 only.\n\n"
	"  --port N               of the JOOR side; 0 (default): any free one\n"
	"  --tls-cert FILE        with --tls-key FILE: HTTPS there (PEM)\n"
	"  --tls-priorities TEXT  TLS versions and ciphers, as GnuTLS has them\n"
	"  --control-port N       of the control side; 0 (default): any free one\n"
	"  --port-file FILE       write both ports there once it listens\n"
	"  --exit-with-stdin      end when the standard input does\n"
	"  --help\n\n";

static void
die(const char *what)
{
	fprintf(stderr, "joor_simulator: %s\n", what);
	exit(1);
}

static char *
read_file(const char *path)
{
	FILE  *file = fopen(path, "r");
	size_t size = 256 * 1024;
	char  *text = must_alloc(size);

	if (file == NULL || fread(text, 1, size - 1, file) == 0)
		die("could not read the certificate or its key");
	fclose(file);
	return text;
}

static uint16_t
read_port(const char *text)
{
	char *end;
	long  port = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || port < 0 || port > 65535)
		die("a port is a number from 0 to 65535");
	return (uint16_t) port;
}

static void
read_arguments(int count, char **texts, Arguments *arguments)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"tls-cert", required_argument, NULL, 'c'},
		{"tls-key", required_argument, NULL, 'k'},
		{"tls-priorities", required_argument, NULL, 't'},
		{"control-port", required_argument, NULL, 'o'},
		{"port-file", required_argument, NULL, 'f'},
		{"exit-with-stdin", no_argument, NULL, 'e'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(count, texts, "", options, NULL)) != -1)
	{
		if (option == 'p')
			arguments->server.port = read_port(optarg);
		else if (option == 'c')
			arguments->server.tls_cert = read_file(optarg);
		else if (option == 'k')
			arguments->server.tls_key = read_file(optarg);
		else if (option == 't')
			arguments->server.tls_priorities = optarg;
		else if (option == 'o')
			arguments->control_port = read_port(optarg);
		else if (option == 'f')
			arguments->port_file = optarg;
		else if (option == 'e')
			arguments->exit_with_stdin = true;
		else if (option == 'h')
		{
			printf("%s%s", usage, control_manual);
			exit(0);
		}
		else
			exit(1);
	}
	if (optind < count)
		die("there are no arguments but options; see --help");
	if (!arguments->server.tls_cert != !arguments->server.tls_key)
		die("--tls-cert and --tls-key go together");
}

/* Appears whole or not at all. */
static void
write_port_file(const char *path, const char *line)
{
	char *draft = must_alloc(strlen(path) + 5);
	FILE *file;

	sprintf(draft, "%s.new", path);
	file = fopen(draft, "w");
	if (file == NULL || fputs(line, file) < 0 || fclose(file) != 0 ||
		rename(draft, path) != 0)
		die("could not write the port file");
	free(draft);
}

static void
tell_ports(const Arguments *arguments, struct MHD_Daemon *api,
		   struct MHD_Daemon *control)
{
	char line[32];

	order_ports(server_port(api), server_port(control));
	snprintf(line, sizeof(line), "%u %u\n", server_port(api),
			 server_port(control));
	fputs(line, stdout);
	fflush(stdout);
	if (arguments->port_file != NULL)
		write_port_file(arguments->port_file, line);
}

/* Blocked before any thread is made, so that all of them inherit it. */
static int
open_signals(void)
{
	sigset_t signals;
	int		 file;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	file = signalfd(-1, &signals, SFD_CLOEXEC);
	if (file < 0)
		die("could not wait for signals");
	return file;
}

static void
wait_for_end(int signals, bool exit_with_stdin)
{
	struct pollfd files[] = {
		{.fd = signals, .events = POLLIN},
		{.fd = exit_with_stdin ? STDIN_FILENO : -1, .events = POLLIN}};
	char ignored[256];

	for (;;)
	{
		if (poll(files, 2, -1) < 0)
			continue;
		if (files[0].revents != 0)
			return;
		if (files[1].revents != 0 &&
			read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
			return;
	}
}

int
main(int count, char **texts)
{
	Arguments		   arguments = {0};
	struct MHD_Daemon *api;
	struct MHD_Daemon *control;
	int				   signals;

	read_arguments(count, texts, &arguments);
	signals = open_signals();
	xmlInitParser();

	api = server_start(&arguments.server);
	control = control_start(arguments.control_port);
	if (api == NULL || control == NULL)
		die("could not listen");
	tell_ports(&arguments, api, control);

	wait_for_end(signals, arguments.exit_with_stdin);
	simulator_stop();
	MHD_stop_daemon(control);
	MHD_stop_daemon(api);
	free((char *) arguments.server.tls_cert);
	free((char *) arguments.server.tls_key);
	return 0;
}
