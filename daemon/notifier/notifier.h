#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * leadd-notify, inside: the program beside the daemon that has what the hardened daemon must not have: the network,
 * set-gid sendmail, other programs. One process serves one connection; it keeps nothing, knows no rules and no
 * database, and judges nothing: it carries a finished text to one address and says what became of it.
 */
#include "leadd/base.h"
#include <stdio.h>

#define NOTIFIER_REQUEST_SIZE_MAX (1024 * 1024)
#define NOTIFIER_DEPTH_MAX 8                   /* nesting of a request */
#define NOTIFIER_CONNECTIONS_MAX 16            /* processes of --listen at a time */
#define NOTIFIER_CONNECT_TIMEOUT_S 10          /* to an HTTP or SMTP server */
#define NOTIFIER_TIMEOUT_S 30                  /* for the whole exchange with it, unless --timeout says otherwise */
#define NOTIFIER_TIMEOUT_MAX_S 45              /* the daemon waits for an answer for NOTIFY_ANSWER_US */
#define NOTIFIER_PROGRAM_TIMES 2               /* sendmail or a program may take so many times as long */
#define NOTIFIER_RESPONSE_SIZE_MAX (64 * 1024) /* of an answer's body, which is not looked at */
#define NOTIFIER_ADDRESS_SIZE_MAX 254          /* RFC 5321, 4.5.3.1.3, less the angle brackets */
#define NOTIFIER_SUBJECT_MAX 500               /* bytes */
#define NOTIFIER_SECRET_SIZE_MAX 4096

/* What is to be told, as the daemon hands it over. Absent texts are NULL. */
typedef struct Job {
        const char *id;     /* the same for every attempt */
        const char *via;    /* sendmail, smtp, webhook, exec */
        const char *target; /* server, address or program of the channel */
        const char *from, *to, *subject;
        const char *body;   /* text of a mail, JSON for webhook and exec */
        const char *secret; /* name of the file that a webhook is signed with */
        const char *lead, *kind;
        const char *unsubscribe;       /* of a mail to a lead: where it says that it wants no more */
        const char *reply_to, *answer; /* of a mail that may be answered: where replies go, and its tag ("L-42 TOKEN") */
        int64_t time_us;               /* when it was decided */
} Job;

typedef enum Outcome {
        OUTCOME_DELIVERED,
        OUTCOME_RETRY,  /* may succeed later */
        OUTCOME_FAILED, /* will never succeed: nobody should wait for it */
} Outcome;

typedef struct Result {
        Outcome outcome;
        char text[200];        /* why not; our own words and numbers, never an address or a server's text */
        int64_t retry_after_s; /* the server asks to wait so long; 0 = does not say */
} Result;

typedef struct NotifierConfig {
        const char *sendmail; /* the program */
        const char *secrets;  /* directory of the files that webhooks are signed with */
        int timeout_s;
} NotifierConfig;

void result_set(Result *result, Outcome outcome, const char *format, ...) _printf_(3, 4);

/* mail.c */
/* One plain address: no name, no list, nothing that a program could take for an option. */
bool mail_is_address(const char *text);
/* Addresses of RFC 2606 (example.com, .example, .test, .invalid, .localhost): nobody reads there. */
bool mail_is_example(const char *address);
/* The message with its header; lines end with CRLF or LF. -ENOMEM, -EINVAL when an address is none. */
int mail_compose(const Job *job, bool crlf, Text *out);

/* deliver_program.c */
void deliver_sendmail(const Job *job, const NotifierConfig *config, Result *ret);
void deliver_exec(const Job *job, const NotifierConfig *config, Result *ret);

/* deliver_network.c */
void deliver_smtp(const Job *job, const NotifierConfig *config, Result *ret);
void deliver_webhook(const Job *job, const NotifierConfig *config, Result *ret);
/* The value of the header webhook-signature: "v1," and base64 of HMAC-SHA256 over ID.TIMESTAMP.BODY. Caller frees; NULL on exhaustion. */
char *webhook_signature(const void *key, size_t key_size, const char *id, const char *timestamp, const char *body);

/* serve.c */
/* Answers requests on the connection until the other side closes it. 0 or -errno. */
int serve_connection(int in_fd, int out_fd, const NotifierConfig *config);
