#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * An outbox with what empties it: a real store, a real spool directory, the real leadd-notify, and programs of the test's own that note
 * what they were given, fail, or refuse.
 */
#include "leadd/notify.h"
#include "test_store_fixture.h"

#include <dirent.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define TOLD_MAX 64
#define ANSWER_LIMIT_S 30 /* for an answer of leadd-notify, on a busy machine */

typedef struct Post {
        Fixture *f;
        Notify *notify;
        char spool[80], socket[96];
        int64_t now_us;
        RuleSet rules;
        Channel channels[4]; /* good, bad and never run the programs of these names; mail goes through one of that name */
        char targets[4][128];
        pid_t notifier; /* 0 = does not run */
        pthread_mutex_t lock;
        pthread_cond_t came;
        Told told[TOLD_MAX];
        size_t n_told;
} Post;

/* On a teller's thread. */
static inline void on_told(const Told *told, void *userdata) {
        Post *post = userdata;

        (void) pthread_mutex_lock(&post->lock);
        if (post->n_told < TOLD_MAX)
                post->told[post->n_told++] = *told;
        (void) pthread_cond_signal(&post->came);
        (void) pthread_mutex_unlock(&post->lock);
}

static inline int set_up(void **state) {
        Post *post = calloc(1, sizeof *post);
        void *fixture;

        if (!post || fixture_set_up(&fixture) != 0)
                return -1;
        post->f = fixture;
        post->now_us = NOON;
        (void) pthread_mutex_init(&post->lock, NULL);
        (void) pthread_cond_init(&post->came, NULL);
        (void) snprintf(post->spool, sizeof post->spool, "%s/spool", post->f->directory);
        (void) snprintf(post->socket, sizeof post->socket, "%s/notify", post->f->directory);
        static const char *const names[] = { "good", "bad", "never", "mail" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                (void) snprintf(post->targets[i], sizeof post->targets[i], "%s/%s", post->f->directory, names[i]);
                post->channels[i] = (Channel){ .rule = { .name = names[i] }, .via = VIA_EXEC, .target = post->targets[i] };
        }
        post->channels[3].via = VIA_SENDMAIL;
        post->channels[3].from = "leads@firm.de";
        post->channels[3].gather_us = POLICY_GATHER_US;
        post->rules.channels = post->channels;
        post->rules.n_channels = ARRAY_SIZE(names);
        assert_int_equal(mkdir(post->spool, 0770), 0);
        const NotifyConfig config = { .spool_directory = post->spool, .socket = post->socket, .on_told = on_told, .userdata = post };
        ok(notify_new(&config, &post->notify));
        *state = post;
        return 0;
}

static inline int tear_down(void **state) {
        Post *post = *state;
        void *fixture = post->f;

        notify_free(post->notify);
        if (post->notifier > 0) {
                (void) kill(post->notifier, SIGKILL);
                (void) waitpid(post->notifier, NULL, 0);
        }
        (void) pthread_mutex_destroy(&post->lock);
        (void) pthread_cond_destroy(&post->came);
        free(post);
        return fixture_tear_down(&fixture);
}

/* One event with these rows in the outbox. */
static inline void put(Post *post, Effect *effects, size_t n) {
        (void) commit_step(post->f, STEP(.said = { .email = "a@example.com" }, .effects = effects, .n_effects = n, .now_us = post->now_us));
}

static inline size_t deliver(Post *post) {
        size_t n;

        ok(notify_run(post->notify, post->f->store, &post->rules, post->now_us, &n));
        return n;
}

/* The names below spool/path joined by blanks, sorted; "-" when there is no such directory. */
static inline const char *names_in(Post *post, const char *path, char *buffer, size_t size) {
        char full[256];
        struct dirent **entries;
        size_t at = 0;

        (void) snprintf(full, sizeof full, "%s/%s", post->spool, path);
        int n = scandir(full, &entries, NULL, alphasort);
        (void) snprintf(buffer, size, "%s", n < 0 ? "-" : "");
        for (int i = 0; i < n; i++) {
                if (!base_streq(entries[i]->d_name, ".") && !base_streq(entries[i]->d_name, ".."))
                        at += (size_t) snprintf(buffer + at, size - at, "%s%s", at ? " " : "", entries[i]->d_name);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        return buffer;
}

static inline void assert_content(Post *post, const char *path, const char *want) {
        char full[256], got[512] = "";

        (void) snprintf(full, sizeof full, "%s/%s", post->spool, path);
        int fd = open(full, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        ssize_t n = read(fd, got, sizeof got - 1);
        (void) close(fd);
        assert_true(n >= 0);
        same_text(got, want);
}

/* The same, for a file that another process is about to write. */
static inline void assert_content_within(Post *post, const char *path, const char *want) {
        char full[256];
        struct stat st;

        (void) snprintf(full, sizeof full, "%s/%s", post->spool, path);
        for (int i = 0; stat(full, &st) < 0 || (size_t) st.st_size < strlen(want); i++) {
                assert_true(i < ANSWER_LIMIT_S * 100);
                (void) usleep(10000);
        }
        assert_content(post, path, want);
}

static inline void write_program(Post *post, size_t channel, const char *text) {
        int fd = open(post->targets[channel], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        (void) close(fd);
}

/* The leadd-notify of this build, on the test's socket. */
static inline void start_notifier(Post *post) {
        char self[256] = "", program[512], option[128], sendmail[160];

        assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
        (void) snprintf(program, sizeof program, "%s/leadd-notify", dirname(dirname(dirname(self))));
        (void) snprintf(option, sizeof option, "--listen=%s", post->socket);
        (void) snprintf(sendmail, sizeof sendmail, "--sendmail=%s", post->targets[3]);
        post->notifier = fork();
        if (post->notifier == 0) {
                execl(program, program, option, sendmail, NULL);
                _exit(127);
        }
        for (int i = 0; access(post->socket, F_OK) < 0; i++) {
                assert_true(i < ANSWER_LIMIT_S * 100);
                (void) usleep(10000);
        }
}

/* Waits until so many rows were told, and marks them. */
static inline void take_told(Post *post, size_t n) {
        struct timespec until;

        (void) clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += ANSWER_LIMIT_S;
        (void) pthread_mutex_lock(&post->lock);
        while (post->n_told < n && pthread_cond_timedwait(&post->came, &post->lock, &until) == 0)
                ;
        same(post->n_told, n);
        post->n_told = 0;
        (void) pthread_mutex_unlock(&post->lock);
        for (size_t i = 0; i < n; i++)
                ok(notify_told(post->notify, post->f->store, &post->told[i], post->now_us));
}

typedef struct Listed {
        size_t n, n_dead, n_leased;
        char error[NOTIFY_TEXT_SIZE];
        int64_t next_us;
        unsigned attempts;
} Listed;

static inline int on_row(const OutboxRow *row, void *userdata) {
        Listed *listed = userdata;

        listed->n++;
        listed->n_dead += row->next_us == TIME_NONE;
        listed->n_leased += row->leased;
        listed->next_us = row->next_us;
        listed->attempts = row->attempts;
        (void) snprintf(listed->error, sizeof listed->error, "%s", row->error ? row->error : "");
        return 0;
}

static inline Listed list(Post *post) {
        Listed listed = { 0 };

        ok(store_outbox_list(post->f->store, 0, 1000, on_row, &listed));
        return listed;
}
