/* SPDX-License-Identifier: MIT */
/*
 * leadd-mail: a mail on standard input, what is in it on standard output. Run by leadctl submit --format eml.
 */
#include "mail.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sysexits.h>

/* What a mail makes the parser do ends here. The sanitizer's shadow needs more room than any mail. */
static void set_limits(void) {
        const struct rlimit cpu = { MAIL_CPU_S, MAIL_CPU_S + 1 }, core = { 0, 0 };

        (void) setrlimit(RLIMIT_CPU, &cpu);
        (void) setrlimit(RLIMIT_CORE, &core);
#ifndef __SANITIZE_ADDRESS__
        const struct rlimit memory = { MAIL_MEMORY_MAX, MAIL_MEMORY_MAX };
        (void) setrlimit(RLIMIT_AS, &memory);
#endif
}

int main(int argc, char **argv _unused_) {
        _cleanup_(text_free) Text mail = { 0 };
        const char *problem = "";
        json_t *json = NULL;

        if (argc > 1) {
                (void) fputs("leadd-mail reads a mail from standard input; leadctl submit --format eml runs it\n", stderr);
                return EX_USAGE;
        }
        set_limits();
        (void) setlocale(LC_ALL, "C");
        json_object_seed(0);
        g_mime_init();
        int r = base_read_all(STDIN_FILENO, MAIL_SIZE_MAX, &mail);
        if (r == -EFBIG) {
                (void) fprintf(stderr, "the mail is larger than %d MiB\n", MAIL_SIZE_MAX >> 20);
                return EX_DATAERR;
        }
        if (r == 0)
                r = mail_take(mail.data ? mail.data : "", mail.size, &json, &problem);
        if (r == -EBADMSG) {
                (void) fprintf(stderr, "this is no mail: %s\n", problem);
                return EX_DATAERR;
        }
        if (r < 0 || json_dumpf(json, stdout, JSON_COMPACT) < 0 || fflush(stdout) != 0) {
                (void) fprintf(stderr, "cannot read the mail: %s\n", strerror(r < 0 ? -r : errno));
                return EX_TEMPFAIL;
        }
        json_decref(json);
        return EX_OK;
}
