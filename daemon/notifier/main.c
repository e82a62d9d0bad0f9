/* SPDX-License-Identifier: MIT */
/*
 * leadd-notify: argv, and where connections come from. Under systemd each connection of leadd-notify.socket starts one
 * process (Accept=yes) with the connection as standard input and output; without systemd --listen binds the socket
 * itself and starts one process a connection. Either way a delivery that hangs or crashes takes nothing with it.
 */
#include "notifier.h"

#include <errno.h>
#include <getopt.h>
#include <gmime/gmime.h>
#include <jansson.h>
#include <locale.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static const char usage[] = "leadd-notify: tells people and programs what leadd has decided\n"
                            "\n"
                            "  leadd-notify [--sendmail=PROGRAM] [--secrets=DIR] [--timeout=SECONDS] [--listen=PATH]\n"
                            "\n"
                            "  --listen=PATH       bind this Unix socket and serve it (default: serve standard input, as\n"
                            "                      leadd-notify.socket starts it)\n"
                            "  --sendmail=PROGRAM  for channels via sendmail (default /usr/sbin/sendmail)\n"
                            "  --secrets=DIR       files that webhooks are signed with (default: the directory of systemd's\n"
                            "                      credentials, else /etc/leadd/secrets)\n"
                            "  --timeout=SECONDS   for a server, from 1 to 45 (default 30); a program may take twice as long\n"
                            "  --version, --help\n"
                            "\n"
                            "Exit status: 0 the other side closed, 1 something broke, 2 usage.\n";

static int bind_socket(const char *path, int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(base_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        if (strlen(path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        mode_t before = umask(0117);
        int r = bind(fd, (struct sockaddr *) &address, sizeof address);
        (void) umask(before);
        if (r < 0 || listen(fd, NOTIFIER_CONNECTIONS_MAX) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

/* One process a connection; more than NOTIFIER_CONNECTIONS_MAX wait in the backlog. */
static int serve_socket(const char *path, const NotifierConfig *config) {
        _cleanup_(base_closep) int listen_fd = -1;
        unsigned n_children = 0;
        bool short_of_everything = false;
        int r = bind_socket(path, &listen_fd);

        if (r < 0)
                return r;
        for (;;) {
                while (n_children > 0 && waitpid(-1, NULL, n_children < NOTIFIER_CONNECTIONS_MAX ? WNOHANG : 0) > 0)
                        n_children--;
                _cleanup_(base_closep) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0) {
                        if (errno == EINTR || errno == ECONNABORTED)
                                continue;
                        if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
                                return -errno;
                        /* The connection still waits in the backlog, so the next attempt would fail at once as well. */
                        if (!short_of_everything)
                                log_warning("no connection can be taken: %s", strerror(errno));
                        short_of_everything = true;
                        (void) sleep(1);
                        continue;
                }
                short_of_everything = false;
                pid_t pid = fork();
                if (pid == 0) {
                        base_closep(&listen_fd);
                        r = serve_connection(fd, fd, config);
                        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
                }
                n_children += pid > 0;
        }
}

static bool read_timeout(const char *text, int *ret) {
        char *end;
        long value = strtol(text, &end, 10);

        if (end == text || *end != '\0' || value < 1 || value > NOTIFIER_TIMEOUT_MAX_S)
                return false;
        *ret = (int) value;
        return true;
}

int main(int argc, char **argv) {
        enum { OPT_LISTEN = 1000, OPT_SENDMAIL, OPT_SECRETS, OPT_TIMEOUT, OPT_VERSION, OPT_HELP };
        static const struct option long_options[] = {
                { "listen", required_argument, NULL, OPT_LISTEN },
                { "sendmail", required_argument, NULL, OPT_SENDMAIL },
                { "secrets", required_argument, NULL, OPT_SECRETS },
                { "timeout", required_argument, NULL, OPT_TIMEOUT },
                { "version", no_argument, NULL, OPT_VERSION },
                { "help", no_argument, NULL, OPT_HELP },
                { 0 },
        };
        const char *credentials = getenv("CREDENTIALS_DIRECTORY"), *listen_path = NULL;
        NotifierConfig config = { .sendmail = "/usr/sbin/sendmail",
                .secrets = credentials ? credentials : "/etc/leadd/secrets",
                .timeout_s = NOTIFIER_TIMEOUT_S };
        int option;

        (void) setlocale(LC_ALL, "C");
        while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
                switch (option) {
                case OPT_LISTEN:
                        listen_path = optarg;
                        break;
                case OPT_SENDMAIL:
                        config.sendmail = optarg;
                        break;
                case OPT_SECRETS:
                        config.secrets = optarg;
                        break;
                case OPT_TIMEOUT:
                        if (!read_timeout(optarg, &config.timeout_s)) {
                                (void) fprintf(
                                        stderr, "leadd-notify: --timeout is a number of seconds from 1 to %d\n", NOTIFIER_TIMEOUT_MAX_S);
                                return 2;
                        }
                        break;
                case OPT_VERSION:
                        (void) printf("leadd-notify %s\n", LEADD_VERSION);
                        return EXIT_SUCCESS;
                case OPT_HELP:
                        (void) fputs(usage, stdout);
                        return EXIT_SUCCESS;
                default:
                        (void) fputs("leadd-notify --help says what there is\n", stderr);
                        return 2;
                }
        if (optind < argc) {
                (void) fprintf(stderr, "leadd-notify: what is \"%s\"? leadd-notify --help says what there is\n", argv[optind]);
                return 2;
        }
        log_open(LOG_LEVEL_INFO);
        (void) signal(SIGPIPE, SIG_IGN);
        json_object_seed(0);
        g_mime_init();
        int r = listen_path ? serve_socket(listen_path, &config) : serve_connection(STDIN_FILENO, STDOUT_FILENO, &config);
        if (r < 0)
                log_error("leadd-notify: %s", r == -EBADMSG ? "the other side does not speak Varlink" : strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
