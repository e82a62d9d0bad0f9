/* SPDX-License-Identifier: MIT */
/*
 * The memory of answers: a client that is not sure whether its request arrived sends it again with the same
 * request_id and gets the first answer, nothing happens twice. Kept by uid and request_id for the newest
 * CONTROL_ANSWERS_MAX changing calls. It is a convenience of one daemon's life: across a restart the id of the
 * record made from the request does the same work in the store. Used on the loop's thread only.
 *
 * An answer is running (its first call is being worked on; repeats wait) or settled. Only settled ones are
 * evicted, oldest first.
 */
#include "internal.h"
#include <errno.h>

struct Answer {
        Answer *older, *newer;
        uid_t uid;
        char *request_id;
        const Method *method;
        char *parameters; /* canonical text, to tell a repeat from a mistake */
        ControlCall *running;
        ControlCall *waiters;
        json_t *reply;
        char *error;
};

struct Answers {
        Answer *oldest, *newest;
        size_t n, n_max;
};

Answers *answers_new(size_t n_max) {
        Answers *answers = calloc(1, sizeof(Answers));
        if (answers)
                answers->n_max = n_max;
        return answers;
}

static void answer_free(Answers *answers, Answer *answer) {
        *(answer->older ? &answer->older->newer : &answers->oldest) = answer->newer;
        *(answer->newer ? &answer->newer->older : &answers->newest) = answer->older;
        answers->n--;
        free(answer->request_id);
        free(answer->parameters);
        json_decref(answer->reply);
        free(answer->error);
        free(answer);
}

Answers *answers_free(Answers *answers) {
        if (!answers)
                return NULL;
        for (Answer *a = answers->newest; a; a = a->older)
                if (a->running)
                        a->running->answer = NULL;
        for (Answer *a = answers->newest, *older; a; a = older) {
                older = a->older;
                answer_free(answers, a);
        }
        free(answers);
        return NULL;
}

static int fill(ControlCall *call, const Answer *answer) {
        if (answer->error) {
                call->error = strdup(answer->error);
                if (!call->error)
                        return -ENOMEM;
        }
        call->reply = json_incref(answer->reply);
        return 0;
}

static void evict(Answers *answers) {
        for (Answer *a = answers->oldest; a && answers->n > answers->n_max;) {
                Answer *newer = a->newer;
                if (!a->running)
                        answer_free(answers, a);
                a = newer;
        }
}

int answers_look(Answers *answers, ControlCall *call, AnswerOutcome *ret) {
        const char *id = call_text(call, "request_id");
        if (!id) {
                *ret = ANSWER_NEW;
                return 0;
        }
        _cleanup_(base_freep) char *parameters = json_dumps(call->parameters, JSON_COMPACT | JSON_SORT_KEYS);
        if (!parameters)
                return -ENOMEM;
        for (Answer *a = answers->newest; a; a = a->older) {
                if (a->uid != call->peer.uid || !base_streq(a->request_id, id))
                        continue;
                if (a->method != call->method || !base_streq(a->parameters, parameters)) {
                        *ret = ANSWER_CONFLICT;
                        return 0;
                }
                if (a->running) {
                        /* At the end: they are answered in the order in which they came. */
                        ControlCall **at = &a->waiters;
                        while (*at)
                                at = &(*at)->next_waiter;
                        *at = call;
                        call->answer = a;
                        *ret = ANSWER_WAITS;
                        return 0;
                }
                *ret = ANSWER_KNOWN;
                return fill(call, a);
        }

        Answer *a = calloc(1, sizeof(Answer));
        if (!a)
                return -ENOMEM;
        a->request_id = strdup(id);
        if (!a->request_id) {
                free(a);
                return -ENOMEM;
        }
        a->parameters = TAKE(parameters);
        a->uid = call->peer.uid;
        a->method = call->method;
        a->running = call;
        call->answer = a;
        a->older = answers->newest;
        *(a->older ? &a->older->newer : &answers->oldest) = a;
        answers->newest = a;
        answers->n++;
        evict(answers);
        *ret = ANSWER_NEW;
        return 0;
}

/* What broke in our machinery may work the next time: such an answer is not kept, so that a retry is a try. */
static bool is_worth_keeping(const ControlCall *call) {
        const char *dot = call->error ? strrchr(call->error, '.') : NULL;
        return call->reply && !(dot && base_streq(dot, ".Failed"));
}

ControlCall *answers_settle(Answers *answers, ControlCall *call) {
        Answer *a = TAKE(call->answer);
        if (!a || a->running != call)
                return NULL;
        a->running = NULL;
        a->reply = json_incref(call->reply);
        a->error = call->error ? strdup(call->error) : NULL;
        bool keep = is_worth_keeping(call) && (!call->error || a->error);
        ControlCall *waiters = TAKE(a->waiters);
        for (ControlCall *w = waiters; w; w = w->next_waiter) {
                w->answer = NULL;
                (void) fill(w, a); /* without a reply it is answered as Failed */
        }
        if (!keep)
                answer_free(answers, a);
        return waiters;
}
