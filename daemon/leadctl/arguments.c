/* SPDX-License-Identifier: MIT */
/*
 * Words to arguments. Options may stand before or after the verb, as --name VALUE or --name=VALUE; "--" ends them.
 * Pure: reads no environment, prints nothing, so that it can be tested by tables.
 */
#include "leadctl.h"
#include <errno.h>

static const char *const global_flags[] = { "--socket=PATH", "--json", "--as=PERSON", "--help", "--version" };

static const Verb *find_verb(const Verb *const *verbs, const char *name) {
        for (size_t i = 0; verbs[i]; i++)
                if (base_streq(verbs[i]->name, name))
                        return verbs[i];
        return NULL;
}

static int usage(Text *problem, const char *format, ...) _printf_(2, 3);
static int usage(Text *problem, const char *format, ...) {
        va_list args;
        va_start(args, format);
        text_vprintf(problem, format, args);
        va_end(args);
        return EXIT_USAGE;
}

static int unknown_verb(const Verb *const *verbs, const char *word, Text *problem) {
        const char *names[64];
        size_t n = 0;
        while (n < ARRAY_SIZE(names) && verbs[n]) {
                names[n] = verbs[n]->name;
                n++;
        }
        const char *near = text_closest(word, names, n);
        if (near)
                return usage(problem, "no verb \"%s\"; did you mean \"%s\"?", word, near);
        return usage(problem, "no verb \"%s\"; a move of the rules needs its lead (leadctl %s LEAD); `leadctl help` lists the verbs", word,
                word);
}

static int unknown_flag(const Verb *verb, const char *word, size_t size, Text *problem) {
        char names[LEADCTL_FLAGS_MAX + ARRAY_SIZE(global_flags)][64];
        const char *candidates[ARRAY_SIZE(names)];
        size_t n = 0;
        for (size_t i = 0; verb && i < LEADCTL_FLAGS_MAX && verb->flags[i].name; i++)
                (void) snprintf(names[n++], sizeof(names[0]), "--%s", verb->flags[i].name);
        for (size_t i = 0; i < ARRAY_SIZE(global_flags); i++)
                (void) snprintf(names[n++], sizeof(names[0]), "%.*s", (int) strcspn(global_flags[i], "="), global_flags[i]);
        for (size_t i = 0; i < n; i++)
                candidates[i] = names[i];
        _cleanup_(base_freep) char *given = strndup(word, size);
        const char *near = given ? text_closest(given, candidates, n) : NULL;
        if (near)
                return usage(problem, "no option %.*s; did you mean %s?", (int) size, word, near);
        if (verb)
                return usage(problem, "%s has no option %.*s; see `leadctl help %s`", verb->name, (int) size, word, verb->name);
        return usage(problem, "no option %.*s; see `leadctl help`", (int) size, word);
}

/* Where the value of an option goes. *ret_switch: it has none. NULL = unknown. */
static const char **find_slot(Arguments *arguments, const char *name, size_t size, bool *ret_switch, bool **ret_bool) {
        *ret_switch = false;
        *ret_bool = NULL;
        const Verb *verb = arguments->verb;
        for (size_t i = 0; verb && i < LEADCTL_FLAGS_MAX && verb->flags[i].name; i++)
                if (strlen(verb->flags[i].name) == size && memcmp(verb->flags[i].name, name, size) == 0) {
                        *ret_switch = !verb->flags[i].value;
                        return &arguments->values[i];
                }
        const struct {
                const char *name;
                const char **slot;
                bool *flag;
        } globals[] = {
                { "socket", &arguments->socket, NULL },
                { "as", &arguments->as, NULL },
                { "json", NULL, &arguments->json },
                { "help", NULL, &arguments->help },
                { "version", NULL, &arguments->version },
        };
        for (size_t i = 0; i < ARRAY_SIZE(globals); i++)
                if (strlen(globals[i].name) == size && memcmp(globals[i].name, name, size) == 0) {
                        *ret_bool = globals[i].flag;
                        *ret_switch = globals[i].flag != NULL;
                        return globals[i].slot;
                }
        return NULL;
}

/* -w VALUE, where the verb has such a letter: its full name. */
static const char *find_letter(const Arguments *arguments, const char *word) {
        const Verb *verb = arguments->verb;
        if (!verb || !verb->letters || !word[1] || word[2] || !strchr(verb->letters, word[1]))
                return NULL;
        for (size_t i = 0; i < LEADCTL_FLAGS_MAX && verb->flags[i].name; i++)
                if (verb->flags[i].name[0] == word[1])
                        return verb->flags[i].name;
        return NULL;
}

/* One option at words[*at]; moves *at over a value that is a word of its own. */
static int take_option(Arguments *arguments, int n_words, char *const *words, int *at, Text *problem) {
        const char *word = words[*at];
        if (base_streq(word, "-h") || base_streq(word, "-V")) {
                *(word[1] == 'h' ? &arguments->help : &arguments->version) = true;
                return 0;
        }
        const char *letter = find_letter(arguments, word), *equals = letter ? NULL : strchr(word, '=');
        const char *name = letter ? letter : word + 2;
        size_t size = equals ? (size_t) (equals - name) : strlen(name);
        bool is_switch, *flag;
        const char **slot = word[1] == '-' || letter ? find_slot(arguments, name, size, &is_switch, &flag) : NULL;
        if ((word[1] != '-' && !letter) || (!slot && !flag))
                return unknown_flag(arguments->verb, word, equals ? (size_t) (equals - word) : strlen(word), problem);
        if (is_switch) {
                if (equals)
                        return usage(problem, "%.*s takes no value", (int) (equals - word), word);
                if (flag)
                        *flag = true;
                else if (slot)
                        *slot = "";
                return 0;
        }
        const char *value = equals ? equals + 1 : *at + 1 < n_words ? words[++*at] : NULL;
        if (!value || !*value)
                return usage(problem, "%.*s needs a value", (int) (letter ? 2 : size + 2), word);
        if (!slot)
                return unknown_flag(arguments->verb, word, size + 2, problem);
        if (*slot)
                return usage(problem, "%.*s is given twice", (int) (letter ? 2 : size + 2), word);
        *slot = value;
        return 0;
}

int arguments_parse(int n_words, char *const *words, const Verb *const *verbs, const Verb *fallback, Arguments *ret, Text *problem) {
        Arguments arguments = { 0 };
        bool options = true;
        for (int i = 0; i < n_words; i++) {
                const char *word = words[i];
                if (options && word[0] == '-' && word[1] != '\0') {
                        if (base_streq(word, "--")) {
                                options = false;
                                continue;
                        }
                        int r = take_option(&arguments, n_words, words, &i, problem);
                        if (r != 0)
                                return r;
                        continue;
                }
                if (!arguments.verb) {
                        arguments.verb = find_verb(verbs, word);
                        if (arguments.verb)
                                continue;
                        arguments.verb = fallback; /* `leadctl accept 42`: the first word is the move */
                        arguments.is_short = true;
                }
                if (arguments.n_positional == LEADCTL_ARGUMENTS_MAX)
                        return usage(problem, "too many arguments");
                arguments.positional[arguments.n_positional++] = word;
        }
        *ret = arguments;
        const Verb *verb = arguments.verb;
        if (arguments.is_short && (arguments.n_positional == 1 || arguments.help))
                return unknown_verb(verbs, arguments.positional[0], problem);
        if (arguments.help || arguments.version)
                return 0;
        if (!verb)
                return usage(problem, "say what to do; `leadctl help` lists the verbs");
        if (arguments.as && !verb->acts)
                return usage(problem, "%s acts for nobody: --as is for moves, did, note, assign, snooze, show, merge, unmerge and erase",
                        verb->name);
        if (arguments.n_positional < verb->n_min || arguments.n_positional > verb->n_max)
                return usage(problem, "%s: usage: leadctl %s%s%s",
                        arguments.n_positional < verb->n_min ? "something is missing" : "too many arguments", verb->name,
                        *verb->usage ? " " : "", verb->usage);
        return 0;
}

const char *arguments_value(const Arguments *arguments, const char *flag) {
        for (size_t i = 0; i < LEADCTL_FLAGS_MAX && arguments->verb->flags[i].name; i++)
                if (base_streq(arguments->verb->flags[i].name, flag))
                        return arguments->values[i];
        return NULL;
}

int arguments_number(const Arguments *arguments, const char *flag, int64_t absent, int64_t *ret) {
        const char *text = arguments_value(arguments, flag);
        if (!text) {
                *ret = absent;
                return 0;
        }
        char *end;
        errno = 0;
        long long n = strtoll(text, &end, 10);
        if (errno != 0 || *end != '\0' || n < 1) {
                say_error("--%s wants a number of at least 1, not \"%s\"", flag, text);
                return EXIT_USAGE;
        }
        *ret = n;
        return 0;
}
