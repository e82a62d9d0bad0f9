/* SPDX-License-Identifier: MIT */
/*
 * Scores from their tables: which of the ways of giving points a declaration uses, and whether what it says fits together.
 * score_check looks at all of them once each is compiled: who waits for whom (`unless`) and whether weights sum to 100.
 */
#include "load.h"
#include "score.h"
#include <errno.h>
#include <lauxlib.h>
#include <math.h>

#define SCORE_POINTS_MAX 1e9
#define WEIGHT_SUM_MP INT64_C(100000)

Score *score_new(Arena *arena) {
        ScoreBody *score = ARENA_NEW(arena, ScoreBody);

        return score ? &score->public : NULL;
}

static bool read_points(Load *load, int index, const char *what, int64_t *ret) {
        lua_State *L = load->loader.L;
        double points = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : NAN;

        if (!(fabs(points) <= SCORE_POINTS_MAX)) {
                loader_error(&load->loader, "\"%s\" must be a number of points from -%g to %g", what, SCORE_POINTS_MAX, SCORE_POINTS_MAX);
                return false;
        }
        *ret = llround(points * 1000.0);
        return true;
}

static int compile_points(Load *load, int index, const char *where, void *target) {
        ScoreBody *score = target;
        lua_State *L = load->loader.L;

        if (lua_isfunction(L, index) && !lua_iscfunction(L, index)) {
                score->has_function = condition_compile_function(&load->loader, index, &score->function);
                return 0;
        }
        score->has_points = true;
        if (lua_type(L, index) == LUA_TNUMBER)
                (void) read_points(load, index, where, &score->points_mp);
        else
                loader_error(&load->loader, "\"%s\" must be a number or a function, not %s", where, keys_type_name(L, index));
        return 0;
}

static int compile_each(Load *load, int index, const char *where, void *target) {
        ScoreBody *score = target;

        score->has_each = true;
        (void) read_points(load, index, where, &score->points_mp);
        return 0;
}

static int compile_cap(Load *load, int index, const char *where, void *target) {
        ScoreBody *score = target;

        score->has_cap = true;
        (void) read_points(load, index, where, &score->cap_mp);
        return 0;
}

static int compile_field(Load *load, int index, const char *where, void *target) {
        ScoreBody *score = target;
        const char *path = keys_text(load, index, where);

        score->has_field = true;
        if (!path || !condition_compile_ref(&load->loader, where, path, PHASE_SCORE, &score->field))
                return load->loader.out_of_memory ? -ENOMEM : 0;
        switch (score->field.kind) {
        case REF_FIELD:
        case REF_SOURCE:
        case REF_COUNTRY:
        case REF_TEST:
                break;
        default:
                loader_error(&load->loader, "%s: \"%s\" is no field that points can hang on; use `when`", where, path);
                score->field = (Ref){ 0 };
        }
        return 0;
}

static int compare_choices(const void *a, const void *b) {
        const ScoreChoice *x = a, *y = b;

        if (!x->word.text || !y->word.text)
                return !x->word.text - !y->word.text;
        return condition_compare_words(&x->word, &y->word);
}

/* Keys of every type, each worth its points: { director = 20 }, { [true] = 5 }, { [3] = 1 }. */
static int compile_map(Load *load, int index, const char *where, void *target) {
        ScoreBody *score = target;
        lua_State *L = load->loader.L;
        ScoreChoice *choices;
        size_t n = 0;

        score->has_map = true;
        if (!lua_istable(L, index) || condition_builder(L, index) != BUILD_NOTHING) {
                loader_error(&load->loader, "\"%s\" must be a table: { director = 20, manager = 10 }", where);
                return 0;
        }
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
                n++;
        if (n == 0 || n > CONDITION_ENTRIES_MAX) {
                loader_error(&load->loader, "\"%s\" must have 1 to %d entries", where, CONDITION_ENTRIES_MAX);
                return 0;
        }
        choices = ARENA_ARRAY(load->loader.arena, ScoreChoice, n);
        if (!choices)
                return load_exhausted(load);
        size_t n_good = 0, n_texts = 0, n_worthless = 0;
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
                ScoreChoice *choice = &choices[n_good];

                if (lua_type(L, -2) == LUA_TSTRING) {
                        size_t size;
                        const char *text = lua_tolstring(L, -2, &size);
                        if (!condition_fold(&load->loader, text, size, &choice->word))
                                return -ENOMEM;
                        n_texts++;
                } else if (lua_isinteger(L, -2))
                        choice->value = value_integer(lua_tointeger(L, -2));
                else if (lua_type(L, -2) == LUA_TNUMBER)
                        choice->value = value_number(lua_tonumber(L, -2));
                else
                        choice->value = value_bool(lua_toboolean(L, -2));
                if (lua_type(L, -1) != LUA_TNUMBER || !(fabs(lua_tonumber(L, -1)) <= SCORE_POINTS_MAX)) {
                        n_worthless++;
                        choice->word.text = NULL;
                        continue;
                }
                choice->points_mp = llround(lua_tonumber(L, -1) * 1000.0);
                n_good++;
        }
        if (n_worthless > 0)
                loader_error(&load->loader, "\"%s\": %zu of its values are no number of points", where, n_worthless);
        qsort(choices, n_good, sizeof(*choices), compare_choices);
        for (size_t i = 1; i < n_texts && i < n_good; i++)
                if (compare_choices(&choices[i - 1], &choices[i]) == 0)
                        loader_error(&load->loader, "\"%s\" has \"%s\" twice: case does not count", where, choices[i].word.text);
        score->choices = choices;
        score->n_choices = n_good;
        score->n_texts = n_texts < n_good ? n_texts : n_good;
        return 0;
}

static int compile_bands(Load *load, int index, const char *where, void *target) {
        ScoreBody *score = target;
        lua_State *L = load->loader.L;
        size_t n = lua_istable(L, index) ? lua_rawlen(L, index) : 0;
        ScoreBand *bands;

        score->has_bands = true;
        if (n == 0 || n > SCORE_BANDS_MAX) {
                loader_error(&load->loader, "\"%s\" must be 1 to %d pairs: { { 1000, 40 }, { 200, 30 } }", where, SCORE_BANDS_MAX);
                return 0;
        }
        bands = ARENA_ARRAY(load->loader.arena, ScoreBand, n);
        if (!bands)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                ScoreBand *band = &bands[i];
                bool good = lua_rawgeti(L, index, (lua_Integer) i + 1) == LUA_TTABLE && lua_rawlen(L, -1) == 2;

                if (good) {
                        good = lua_rawgeti(L, -1, 1) == LUA_TNUMBER && lua_rawgeti(L, -2, 2) == LUA_TNUMBER &&
                               !isnan(lua_tonumber(L, -2)) && fabs(lua_tonumber(L, -1)) <= SCORE_POINTS_MAX;
                        if (good) {
                                band->from = lua_tonumber(L, -2);
                                band->points_mp = llround(lua_tonumber(L, -1) * 1000.0);
                        }
                }
                lua_settop(L, index);
                if (!good) {
                        loader_error(&load->loader, "%s[%zu] must be a pair of numbers: { from, points }", where, i + 1);
                        return 0;
                }
                if (i > 0 && band->from >= bands[i - 1].from)
                        loader_refuse(&load->loader, "%s[%zu] can never be reached: the band before it starts at %g", where, i + 1,
                                bands[i - 1].from);
        }
        score->bands = bands;
        score->n_bands = n;
        return 0;
}

static int compile_on(Load *load, int index, const char *where, void *target) {
        ScoreBody *score = target;
        lua_State *L = load->loader.L;

        score->has_on = true;
        if (condition_builder(L, index) == BUILD_DID) {
                lua_rawgeti(L, index, 1);
                index = lua_gettop(L);
        }
        (void) condition_compile_did(&load->loader, where, index, false, &score->on);
        return load->loader.out_of_memory ? -ENOMEM : 0;
}

static int compile_per(Load *load, int index, const char *where, void *target) {
        static const char *const names[] = { "campaign", "url", "asset", "day", "ever" };
        ScoreBody *score = target;
        const char *text = keys_text(load, index, where);

        score->has_per = true;
        for (size_t i = 0; text && i < ARRAY_SIZE(names); i++)
                if (base_streq(text, names[i]))
                        score->per = (ScorePer) (i + 1);
        if (text && score->per == PER_EVENT)
                loader_unknown(&load->loader, "value of per", text, names, ARRAY_SIZE(names));
        return 0;
}

typedef struct Fade {
        Duration every;
        uint32_t percent;
} Fade;

static int compile_fade(Load *load, int index, const char *where, void *target) {
        static const BodyKey keys[] = {
                { "every", KEY_DURATION, .required = true, .at = offsetof(Fade, every) },
                { "percent", KEY_COUNT, .required = true, .at = offsetof(Fade, percent) },
        };
        ScoreBody *score = target;
        Fade fade = { 0 };

        if (!lua_istable(load->loader.L, index)) {
                loader_error(&load->loader, "\"%s\" must be a table: { every = \"30d\", percent = 50 }", where);
                return 0;
        }
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), &fade);
        if (r < 0)
                return r;
        if (fade.every.us < US_PER_SECOND || fade.percent < 1 || fade.percent > 100) {
                loader_error(&load->loader, "\"%s\" needs every above 0 and percent from 1 to 100", where);
                return 0;
        }
        score->fade = (Decay){ .fade_every_s = fade.every.us / US_PER_SECOND, .fade_percent = (int32_t) fade.percent };
        return 0;
}

static int compile_weight(Load *load, int index, const char *where, void *target) {
        ScoreBody *score = target;

        score->has_weight = true;
        if (read_points(load, index, where, &score->weight_mp) && (score->weight_mp <= 0 || score->weight_mp > WEIGHT_SUM_MP))
                loader_error(&load->loader, "\"%s\" must be above 0 and at most 100", where);
        return 0;
}

typedef struct Best {
        const Condition *when;
        int64_t percent_m;
} Best;

static int compile_best(Load *load, int index, const char *where, void *target) {
        static const BodyKey keys[] = {
                { "when", KEY_CONDITION, .required = true, .at = offsetof(Best, when), .phase = PHASE_SCORE },
                { "percent", KEY_POINTS, .required = true, .at = offsetof(Best, percent_m) },
        };
        ScoreBody *score = target;
        lua_State *L = load->loader.L;
        size_t n = lua_istable(L, index) ? lua_rawlen(L, index) : 0;
        ScoreBest *best;

        score->has_best = true;
        if (n == 0 || n > SCORE_BANDS_MAX) {
                loader_error(
                        &load->loader, "\"%s\" must be 1 to %d entries: { { when = { .. }, percent = 100 }, .. }", where, SCORE_BANDS_MAX);
                return 0;
        }
        best = ARENA_ARRAY(load->loader.arena, ScoreBest, n);
        if (!best)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                const char *place = arena_printf(load->scratch, "%s[%zu]", where, i + 1);
                Best entry = { 0 };

                if (!place)
                        return load_exhausted(load);
                if (lua_rawgeti(L, index, (lua_Integer) i + 1) != LUA_TTABLE) {
                        loader_error(&load->loader, "%s must be a table: { when = { .. }, percent = 100 }", place);
                        lua_settop(L, index);
                        continue;
                }
                int r = keys_compile(load, lua_gettop(L), place, keys, ARRAY_SIZE(keys), &entry);
                if (r < 0)
                        return r;
                lua_settop(L, index);
                if (entry.percent_m < 0 || entry.percent_m > 100000)
                        loader_error(&load->loader, "%s.percent must be from 0 to 100", place);
                best[i] = (ScoreBest){ .when = entry.when, .percent_m = entry.percent_m };
        }
        score->best = best;
        score->n_best = n;
        return 0;
}

/* ---- does it fit together? ---- */

static void check_field_types(Loader *loader, const ScoreBody *score) {
        RefType type = score->field.type;
        bool texts = score->n_texts > 0, others = score->n_choices > score->n_texts;

        if (score->field.kind == 0)
                return;
        if (score->has_bands && type != TYPE_NUMBER && type != TYPE_ANY)
                loader_error(loader, "bands: \"%s\" is no number", score->field.path);
        if (!score->has_map || type == TYPE_ANY)
                return;
        if (type == TYPE_TIME)
                loader_error(loader, "map: \"%s\" is a time; use `when`", score->field.path);
        else if (type == TYPE_TEXT ? others : texts)
                loader_error(loader, "map: \"%s\" is %s, and so must the keys be", score->field.path,
                        type == TYPE_TEXT   ? "a text"
                        : type == TYPE_BOOL ? "true or false"
                                            : "a number");
}

static ScoreKind find_kind(Loader *loader, const ScoreBody *score) {
        int n = (score->has_field || score->has_map || score->has_bands) + (score->has_on || score->has_each) + score->has_best +
                ((score->has_function || score->has_points) && !score->has_on);

        /* A veto need not be worth points. */
        if (n == 0 && score->public.veto && score->when)
                return SCORE_POINTS;
        if (n != 1) {
                loader_error(loader, "needs exactly one way to give points: points (with or without when), field with map or bands, on "
                                     "with points or each, "
                                     "weight with best_of");
                return SCORE_INERT;
        }
        if (score->has_best || score->has_weight) {
                if (score->has_best && score->has_weight)
                        return SCORE_BEST_OF;
                loader_error(loader, "weight and best_of belong together");
                return SCORE_INERT;
        }
        if (score->has_field || score->has_map || score->has_bands) {
                if (score->has_field && score->has_map != score->has_bands)
                        return score->has_map ? SCORE_MAP : SCORE_BANDS;
                loader_error(loader, "field needs map or bands, and these need field");
                return SCORE_INERT;
        }
        if (score->has_on || score->has_each) {
                if (score->has_on && score->has_points != score->has_each)
                        return SCORE_ON;
                loader_error(loader, score->has_on ? "on needs either a number of points (once, for the newest) or each"
                                                   : "each needs on: which activities count");
                return SCORE_INERT;
        }
        return score->has_function ? SCORE_FUNCTION : SCORE_POINTS;
}

static void check_companions(Loader *loader, const ScoreBody *score) {
        if ((score->has_cap || score->has_per) && !score->has_each)
                loader_refuse(loader, "%s needs each", score->has_cap ? "cap" : "per");
        if (score->fade.fade_every_s > 0 && !score->has_on)
                loader_refuse(loader, "fade needs on: it is the activity that grows old");
        if (score->public.veto && score->kind == SCORE_POINTS && !score->when)
                loader_refuse(loader, "would veto every lead: it needs when");
}

int score_compile(Loader *loader, int index, Score *head) {
        static const BodyKey keys[] = {
                { "doc", KEY_TEXT, .at = offsetof(ScoreBody, public.rule.doc) },
                { "group", KEY_RULE, .required = true, .at = offsetof(ScoreBody, public.group), .kind = RULE_GROUP },
                { "when", KEY_CONDITION, .at = offsetof(ScoreBody, when), .phase = PHASE_SCORE },
                { "points", KEY_OWN, .compile = compile_points },
                { "field", KEY_OWN, .compile = compile_field },
                { "map", KEY_OWN, .compile = compile_map },
                { "bands", KEY_OWN, .compile = compile_bands },
                { "on", KEY_OWN, .compile = compile_on },
                { "each", KEY_OWN, .compile = compile_each },
                { "cap", KEY_OWN, .compile = compile_cap },
                { "per", KEY_OWN, .compile = compile_per },
                { "fade", KEY_OWN, .compile = compile_fade },
                { "unless", KEY_TEXT, .at = offsetof(ScoreBody, unless_name) },
                { "weight", KEY_OWN, .compile = compile_weight },
                { "best_of", KEY_OWN, .compile = compile_best },
                { "veto", KEY_RULE, .at = offsetof(ScoreBody, public.veto), .kind = RULE_STATUS },
        };
        ScoreBody *score = (ScoreBody *) head;
        int r = keys_compile(load_of(loader), lua_absindex(loader->L, index), "", keys, ARRAY_SIZE(keys), score);

        if (r < 0)
                return r;
        score->each = score->has_each;
        /* `each = -5, cap = -20` goes down to -20: a cap lies on the side to which the points go, and is kept as a magnitude. */
        if (score->has_cap && score->has_each && score->cap_mp != 0 && (score->cap_mp > 0) == (score->points_mp > 0))
                score->cap_mp = score->cap_mp < 0 ? -score->cap_mp : score->cap_mp;
        else if (score->has_cap && score->has_each)
                loader_error(loader, "cap must have the sign of each and not be 0");
        score->kind = find_kind(loader, score);
        if (score->kind != SCORE_INERT) {
                check_companions(loader, score);
                check_field_types(loader, score);
        }
        /* Whatever was reported, evaluation must not meet a half score. */
        if (!score->public.group || (score->kind == SCORE_ON && !score->on) ||
                ((score->kind == SCORE_MAP || score->kind == SCORE_BANDS) && score->field.kind == 0))
                score->kind = SCORE_INERT;
        for (size_t i = 0; i < score->n_best; i++) {
                ScoreBest *best = (ScoreBest *) &score->best[i];
                best->points_mp = (score->weight_mp * best->percent_m + 50000) / 100000;
        }
        return 0;
}

/* ---- all of them ---- */

static void check_unless(Loader *loader, ScoreBody *score) {
        RuleSet *rules = loader->rules;

        if (!score->unless_name)
                return;
        for (size_t i = 0; i < rules->n_scores && !score->unless; i++)
                if (base_streq(rules->scores[i]->rule.name, score->unless_name))
                        score->unless = (const ScoreBody *) rules->scores[i];
        if (!score->unless) {
                size_t n;
                const char *const *names = loader_names(loader, RULE_SCORE, &n);
                loader_unknown(loader, "score", score->unless_name, names, n);
        }
}

static void check_level(Loader *loader, ScoreBody *score) {
        uint32_t level = 0;

        for (const ScoreBody *other = score->unless; other; other = other->unless)
                if (++level > SCORE_UNLESS_MAX) {
                        loader_error(loader, "unless: waits for itself, or for more than %d scores in a row", SCORE_UNLESS_MAX);
                        score->unless = NULL;
                        return;
                }
        score->level = level;
}

static void check_weights(Loader *loader, size_t place) {
        RuleSet *rules = loader->rules;
        const Group *group = &rules->groups[place];
        bool weights = group->weights;
        int64_t sum_mp = 0;

        loader->rule = &group->rule;
        for (size_t i = 0; i < rules->n_scores; i++) {
                const ScoreBody *score = (const ScoreBody *) rules->scores[i];

                if (score->public.group != group)
                        continue;
                sum_mp += score->weight_mp;
                loader->rule = &score->public.rule;
                if (weights && !score->has_weight)
                        loader_refuse(loader, "group \"%s\" has weights: this needs weight and best_of", group->rule.name);
                else if (!weights && score->has_weight)
                        loader_refuse(loader, "weight needs a group that says weights = true");
        }
        loader->rule = &group->rule;
        if (weights && sum_mp != WEIGHT_SUM_MP)
                loader_refuse(loader, "its weights sum to %g, not to 100", (double) sum_mp / 1000.0);
}

/* Grades that conditions ask for, whichever stood first in the file. */
static void check_grade_uses(Loader *loader) {
        for (const GradeUse *use = policy_body(loader->rules)->grade_uses; use; use = use->next) {
                loader->rule = use->rule;
                condition_check_grade(loader, use);
        }
}

int score_check(Loader *loader) {
        RuleSet *rules = loader->rules;
        const Rule *rule = loader->rule;

        for (size_t i = 0; i < rules->n_scores; i++) {
                ScoreBody *score = (ScoreBody *) rules->scores[i];

                score->place = (uint32_t) i;
                loader->rule = &score->public.rule;
                check_unless(loader, score);
        }
        for (size_t i = 0; i < rules->n_scores; i++) {
                ScoreBody *score = (ScoreBody *) rules->scores[i];

                loader->rule = &score->public.rule;
                check_level(loader, score);
                if (score->unless)
                        ((ScoreBody *) score->unless)->is_watched = true;
                if (score->public.group && base_streq(score->public.group->rule.name, "fit"))
                        score->is_watched = true;
        }
        for (size_t i = 0; i < rules->n_groups; i++)
                check_weights(loader, i);
        check_grade_uses(loader);
        loader->rule = rule;
        return loader->out_of_memory ? -ENOMEM : 0;
}
