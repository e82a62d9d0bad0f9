/* SPDX-License-Identifier: MIT */
/*
 * sandbox_reads: functions that surely leave nothing behind. After any other function the sandbox is taken back to
 * where it was, so that no rule on a lead feels what another one did; most rules only look at the lead, and need not pay for that.
 *
 * "Surely" is read off the instructions, over all the ways they can take, with what each register holds for certain. Good are writes into
 * a table or a variable that the same call has made, and calls of what is known:
 * - one of the sandbox's own functions that keep and change nothing, as a word of the language (`type`, `math.max`) or as a method of a
 *   text. A method's text must come from the lead, a constant or another such call: none of these can hold a function of a rule, while a
 *   table of a rule could have a `lower` of its own;
 * - a function of the rules that stands in a variable or a table of theirs, or that the call itself has made: its instructions are
 *   followed in turn, for what it is called with. What stands in a variable of the rules stays there: who writes it is taken back.
 * What such a function makes (texts, lists, functions) is thrown away with the memory.
 *
 * A variable that an inner function uses is held to what it was when that function was made, as long as both are there: neither may set it
 * to something of another kind. It can only err to one side: what is unknown counts as writing.
 */
#include "sandbox_code.h"

#include <errno.h>
#include <lauxlib.h>

/* Longer functions with calls are not followed: it takes time in proportion to them, and beside their own work a rewind is nothing. */
#define FLOW_INSTRUCTIONS_MAX 1000
/* The ways through most functions are known after two or three; one more for each loop in a loop. */
#define FLOW_PASSES_MAX 16
/* Instructions looked at for one function of a rule, with those it calls, in all passes. */
#define FLOW_STEPS_MAX 20000
#define FLOW_DEPTH_MAX 12     /* of calls */
#define FLOW_HELPERS_MAX 24   /* functions of the rules */
#define FLOW_FUNCTIONS_MAX 60 /* these, and what the call makes, by what they use */
#define FLOW_ANALYSES_MAX 100 /* by what they are called with */
#define FLOW_PARAMETERS_MAX 8 /* further ones are unknown */
#define FLOW_UPVALUES_MAX 24
#define FLOW_NAME_MAX 40 /* longer names are no texts that are there already */

/* What a register surely holds, or nil, with which nothing can be done. */
typedef enum Kind {
        KIND_ANY,
        KIND_DATA, /* nil, a boolean, a number, a text, a table of the lead, or a function of `string`: what can be had from these by index
                    */
        KIND_OWN,  /* a table that this call made: it can write there as it likes */
        KIND_LOST, /* anything, in a variable that an inner function takes for something else: it must not be set */
        KIND_SELF, /* in what a function uses: that function */
        KIND_MATH,
        KIND_STRING,
        KIND_TABLE,
        /* Functions that keep and change nothing; or, for a method, something that is not called but an error: */
        KIND_GIVES_DATA,
        KIND_GIVES_ANY,
        KIND_GIVES_OWN,
        KIND_FILLS,    /* the same, when it is given such a table; and no function */
        KIND_SORTS,    /* the same, and a function that is good, or none */
        KIND_TRIES,    /* pcall: what it calls is to be good */
        KIND_GSUB,     /* the same, unless it is given a function that is not */
        KIND_GMATCH,   /* gives one that gives data */
        KIND_EACH,     /* ipairs and pairs: give one that gives what is in its table */
        KIND_NEXT_ANY, /* iterators */
        KIND_NEXT_DATA,
        KIND_FUNCTION = 64, /* and further: one of Flow.functions */
} Kind;
#define KIND_MASK 0x7f
#define KIND_USED 0x80 /* of a register: the variable there is used by an inner function */
_Static_assert(KIND_NEXT_DATA < KIND_FUNCTION && KIND_FUNCTION + FLOW_FUNCTIONS_MAX <= KIND_MASK, "kinds fit beside the bit");

/* `error` and `assert` end the function, or the part of it that pcall tries. */
static const struct {
        Kind library; /* KIND_ANY: none */
        const char *name;
        Kind kind;
} harmless[] = {
        { KIND_ANY, "assert", KIND_GIVES_ANY },
        { KIND_ANY, "error", KIND_GIVES_ANY },
        { KIND_ANY, "ipairs", KIND_EACH },
        { KIND_ANY, "pairs", KIND_EACH },
        { KIND_ANY, "pcall", KIND_TRIES },
        { KIND_ANY, "select", KIND_GIVES_ANY },
        { KIND_ANY, "tonumber", KIND_GIVES_DATA },
        { KIND_ANY, "tostring", KIND_GIVES_DATA },
        { KIND_ANY, "type", KIND_GIVES_DATA },
        { KIND_MATH, "abs", KIND_GIVES_DATA },
        { KIND_MATH, "ceil", KIND_GIVES_DATA },
        { KIND_MATH, "floor", KIND_GIVES_DATA },
        { KIND_MATH, "fmod", KIND_GIVES_DATA },
        { KIND_MATH, "max", KIND_GIVES_DATA },
        { KIND_MATH, "min", KIND_GIVES_DATA },
        { KIND_MATH, "sqrt", KIND_GIVES_DATA },
        { KIND_MATH, "tointeger", KIND_GIVES_DATA },
        { KIND_MATH, "type", KIND_GIVES_DATA },
        { KIND_STRING, "byte", KIND_GIVES_DATA },
        { KIND_STRING, "char", KIND_GIVES_DATA },
        { KIND_STRING, "find", KIND_GIVES_DATA },
        { KIND_STRING, "format", KIND_GIVES_DATA },
        { KIND_STRING, "gmatch", KIND_GMATCH },
        { KIND_STRING, "gsub", KIND_GSUB },
        { KIND_STRING, "len", KIND_GIVES_DATA },
        { KIND_STRING, "lower", KIND_GIVES_DATA },
        { KIND_STRING, "match", KIND_GIVES_DATA },
        { KIND_STRING, "rep", KIND_GIVES_DATA },
        { KIND_STRING, "reverse", KIND_GIVES_DATA },
        { KIND_STRING, "sub", KIND_GIVES_DATA },
        { KIND_STRING, "upper", KIND_GIVES_DATA },
        { KIND_TABLE, "concat", KIND_GIVES_DATA },
        { KIND_TABLE, "insert", KIND_FILLS },
        { KIND_TABLE, "pack", KIND_GIVES_OWN },
        { KIND_TABLE, "remove", KIND_FILLS },
        { KIND_TABLE, "sort", KIND_SORTS },
        { KIND_TABLE, "unpack", KIND_GIVES_ANY },
};
static const struct {
        Kind kind;
        const char *name;
} libraries[] = { { KIND_MATH, "math" }, { KIND_STRING, "string" }, { KIND_TABLE, "table" } };

/* ---- functions and what they use ----------------------------------------- */

/* A variable outside of a function: upvalue `index` of the rules' function at this place of the stack; or, if that is 0, one of the call.
 */
typedef struct Upvalue {
        int function;
        uint8_t index, kind;
} Upvalue;

typedef struct FlowFunction {
        const Prototype *code;
        const void *identity; /* of one that the rules have made; NULL: the call makes it */
        Upvalue upvalues[FLOW_UPVALUES_MAX];
} FlowFunction;

/* It is good when called with these; `result` holds once it is done. */
typedef struct Analysis {
        uint8_t function, result;
        bool is_done;
        uint8_t parameters[FLOW_PARAMETERS_MAX];
} Analysis;

typedef struct Flow {
        lua_State *L;
        int base; /* the places of the rules' functions on the stack start behind it */
        Code codes[FLOW_HELPERS_MAX];
        FlowFunction functions[FLOW_FUNCTIONS_MAX];
        Analysis analyses[FLOW_ANALYSES_MAX];
        size_t n_codes, n_functions, n_analyses, n_steps;
        int depth, error;
} Flow;

/* One function while its instructions are followed. */
typedef struct Frame {
        Flow *flow;
        uint8_t function;
        const Prototype *code;
        uint8_t *states; /* by instruction: whether it is reached, then what the registers hold before it */
        bool changed, failed, returns;
        uint8_t result;
} Frame;

static bool flow_function(Flow *flow, uint8_t function, const uint8_t parameters[static FLOW_PARAMETERS_MAX], Kind *ret);

static Kind harmless_kind(Kind library, const char *name, size_t size) {
        for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
                if (harmless[i].library == library && strlen(harmless[i].name) == size && memcmp(harmless[i].name, name, size) == 0)
                        return harmless[i].kind;
        return KIND_ANY;
}

/* Pushes the word of the language, or what the rules have under the name (nil: neither). Rule files cannot redefine words, and what they
 * write into a library is put back when they were read. The name is there as a text already, so that pushing it makes none. */
static void push_word(lua_State *L, const char *name, size_t size) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        lua_pushlstring(L, name, size);
        if (lua_rawget(L, -2) == LUA_TNIL && luaL_getmetafield(L, -2, "__index") == LUA_TTABLE) {
                lua_pushlstring(L, name, size);
                lua_rawget(L, -2);
                lua_replace(L, -3);
                lua_pop(L, 1);
        }
        lua_replace(L, -2);
}

/* The place of the rules' function that is on top of the stack among the flow's; KIND_ANY: there are too many, or it is too large. */
static Kind helper_kind(Flow *flow) {
        const void *identity = lua_topointer(flow->L, -1);
        for (size_t i = 0; i < flow->n_functions; i++)
                if (flow->functions[i].identity == identity)
                        return (Kind) (KIND_FUNCTION + i);
        if (flow->n_functions == FLOW_FUNCTIONS_MAX || flow->n_codes == FLOW_HELPERS_MAX)
                return KIND_ANY;
        Code *code = &flow->codes[flow->n_codes++];
        int place = flow->base + (int) flow->n_codes;
        bool is_known;
        lua_copy(flow->L, -1, place);
        int r = code_read(code, flow->L, place, &is_known);
        if (r < 0)
                flow->error = r;
        if (r < 0 || !is_known || code->prototypes->n_upvalues > FLOW_UPVALUES_MAX)
                return KIND_ANY;
        FlowFunction *function = &flow->functions[flow->n_functions++];
        function->code = code->prototypes;
        function->identity = identity;
        for (size_t i = 0; i < code->prototypes->n_upvalues; i++)
                function->upvalues[i] = (Upvalue){ .function = place, .index = (uint8_t) i };
        return (Kind) (KIND_FUNCTION + flow->n_functions - 1);
}

/* Of the value on top of the stack, which is the language's or the rules'. */
static Kind value_kind(Flow *flow) {
        lua_State *L = flow->L;
        Kind kind = KIND_ANY;
        int top = lua_gettop(L);
        if (lua_isfunction(L, top) && !lua_iscfunction(L, top))
                return helper_kind(flow);
        if (!lua_isfunction(L, top) && !lua_istable(L, top))
                return KIND_DATA;
        for (size_t i = 0; i < ARRAY_SIZE(libraries) && kind == KIND_ANY; i++) {
                push_word(L, libraries[i].name, strlen(libraries[i].name));
                if (lua_rawequal(L, -1, top))
                        kind = libraries[i].kind;
                for (size_t k = 0; lua_isfunction(L, top) && lua_istable(L, top + 1) && k < ARRAY_SIZE(harmless) && kind == KIND_ANY; k++) {
                        if (harmless[k].library != libraries[i].kind)
                                continue;
                        lua_pushstring(L, harmless[k].name);
                        lua_rawget(L, top + 1);
                        if (lua_rawequal(L, -1, top))
                                kind = harmless[k].kind;
                        lua_pop(L, 1);
                }
                lua_settop(L, top);
        }
        for (size_t k = 0; lua_isfunction(L, top) && k < ARRAY_SIZE(harmless) && kind == KIND_ANY; k++) {
                if (harmless[k].library != KIND_ANY)
                        continue;
                push_word(L, harmless[k].name, strlen(harmless[k].name));
                if (lua_rawequal(L, -1, top))
                        kind = harmless[k].kind;
                lua_settop(L, top);
        }
        return kind;
}

static Upvalue upvalue_of(const Frame *frame, size_t i) {
        if (i >= frame->code->n_upvalues)
                return (Upvalue){ .kind = KIND_ANY };
        Upvalue upvalue = frame->flow->functions[frame->function].upvalues[i];
        if (upvalue.kind == KIND_SELF)
                upvalue.kind = (uint8_t) (KIND_FUNCTION + frame->function);
        return upvalue;
}

static Kind upvalue_kind(const Frame *frame, size_t i) {
        Flow *flow = frame->flow;
        const Upvalue upvalue = upvalue_of(frame, i);
        int top = lua_gettop(flow->L);
        Kind kind = (Kind) upvalue.kind;
        if (upvalue.function > 0)
                kind = lua_getupvalue(flow->L, upvalue.function, upvalue.index + 1) ? value_kind(flow) : KIND_ANY;
        lua_settop(flow->L, top);
        return kind;
}

/* What is to be had by the name from something of that kind. */
static Kind field_kind(Kind of, const char *name, size_t size) {
        if (of == KIND_DATA)
                return KIND_DATA;
        return of >= KIND_MATH && of <= KIND_TABLE ? harmless_kind(of, name, size) : KIND_ANY;
}

/* What upvalue i has under the name: of a table of the rules, what is there now. */
static Kind upvalue_field_kind(const Frame *frame, size_t i, const char *name, size_t size) {
        Flow *flow = frame->flow;
        lua_State *L = flow->L;
        const Upvalue upvalue = upvalue_of(frame, i);
        int top = lua_gettop(L);
        Kind kind = KIND_ANY;
        if (upvalue.function == 0)
                return field_kind((Kind) upvalue.kind, name, size);
        if (size <= FLOW_NAME_MAX && lua_getupvalue(L, upvalue.function, upvalue.index + 1) && lua_istable(L, -1)) {
                lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
                bool is_globals = lua_rawequal(L, -1, -2);
                lua_pop(L, 1);
                if (is_globals)
                        push_word(L, name, size);
                else {
                        lua_pushlstring(L, name, size);
                        lua_rawget(L, -2);
                }
                if (!lua_isnil(L, -1))
                        kind = value_kind(flow);
        }
        lua_settop(L, top);
        return kind;
}

/* ---- registers ------------------------------------------------------------ */

static inline Kind kind_at(const Frame *frame, const uint8_t *kinds, size_t i) {
        Kind kind = i < frame->code->n_registers ? (Kind) (kinds[i] & KIND_MASK) : KIND_ANY;
        return kind == KIND_LOST ? KIND_ANY : kind;
}

static void set_kind(Frame *frame, uint8_t *kinds, size_t i, Kind kind) {
        if (i >= frame->code->n_registers)
                return;
        if (!(kinds[i] & KIND_USED))
                kinds[i] = (uint8_t) kind;
        else if ((kinds[i] & KIND_MASK) != KIND_ANY && (kinds[i] & KIND_MASK) != (uint8_t) kind)
                frame->failed = true;
}

static void set_kinds(Frame *frame, uint8_t *kinds, size_t from, size_t count, Kind kind) {
        for (size_t i = from; i < frame->code->n_registers && i - from < count; i++)
                set_kind(frame, kinds, i, kind);
}

/* The variables from register a on are left: what used them has them for itself. */
static void end_variables(const Frame *frame, uint8_t *kinds, size_t a) {
        for (size_t i = a; i < frame->code->n_registers; i++)
                kinds[i] = (uint8_t) kind_at(frame, kinds, i);
}

/* What holds when either may be. */
static uint8_t kind_join(uint8_t a, uint8_t b) {
        uint8_t used = (a | b) & KIND_USED;
        if ((a & KIND_MASK) == (b & KIND_MASK))
                return a | used;
        if (!used)
                return KIND_ANY;
        return KIND_LOST | KIND_USED;
}

/* The instruction at pc can be next, with these in the registers. */
static bool flow_to(Frame *frame, int64_t pc, const uint8_t *kinds) {
        size_t n = frame->code->n_registers;
        if (pc < 0 || pc >= (int64_t) frame->code->n_instructions)
                return false;
        uint8_t *state = frame->states + (size_t) pc * (n + 1);
        if (!state[0]) {
                state[0] = 1;
                memcpy(state + 1, kinds, n);
                frame->changed = true;
                return true;
        }
        for (size_t i = 0; i < n; i++) {
                uint8_t joined = kind_join(state[i + 1], kinds[i]);
                frame->changed |= joined != state[i + 1];
                state[i + 1] = joined;
        }
        return true;
}

/* ---- making functions ------------------------------------------------------ */

/* Its place among the flow's functions; -1: there are too many. */
static int find_function(Flow *flow, const FlowFunction *wanted) {
        for (size_t i = 0; i < flow->n_functions; i++) {
                const FlowFunction *function = &flow->functions[i];
                bool same = !function->identity && function->code == wanted->code;
                for (size_t k = 0; same && k < wanted->code->n_upvalues; k++)
                        same = function->upvalues[k].function == wanted->upvalues[k].function &&
                               function->upvalues[k].index == wanted->upvalues[k].index &&
                               function->upvalues[k].kind == wanted->upvalues[k].kind;
                if (same)
                        return (int) i;
        }
        if (flow->n_functions == FLOW_FUNCTIONS_MAX)
                return -1;
        flow->functions[flow->n_functions++] = *wanted;
        return (int) flow->n_functions - 1;
}

/* R[a] becomes the inner function. False: not known. */
static bool make_function(Frame *frame, uint8_t *kinds, size_t a, const Prototype *code) {
        FlowFunction made = { .code = code };
        bool uses_itself = false;
        if (code->n_upvalues > FLOW_UPVALUES_MAX)
                return false;
        for (size_t i = 0; i < code->n_upvalues; i++) {
                size_t place = code_place(code, i);
                if (!code_is_variable(code, i))
                        made.upvalues[i] = upvalue_of(frame, place);
                else if (place == a) { /* local function f() .. f() .. end */
                        uses_itself = true;
                        made.upvalues[i].kind = KIND_SELF;
                } else if (place >= frame->code->n_registers || (kinds[place] & KIND_MASK) == KIND_LOST)
                        return false;
                else {
                        made.upvalues[i].kind = kinds[place] & KIND_MASK;
                        kinds[place] |= KIND_USED;
                }
        }
        int function = find_function(frame->flow, &made);
        if (function < 0)
                return false;
        set_kind(frame, kinds, a, (Kind) (KIND_FUNCTION + function));
        if (uses_itself && a < frame->code->n_registers)
                kinds[a] |= KIND_USED;
        return true;
}

/* ---- calls ------------------------------------------------------------------ */

/* What is at R[a] is called with b - 1 arguments behind it (b 0: who knows): what do the results hold; false: who knows what it does. */
static bool call_kind(Frame *frame, const uint8_t *kinds, size_t a, size_t b, Kind *ret) {
        Kind called = kind_at(frame, kinds, a), argument = b > 1 ? kind_at(frame, kinds, a + 1) : KIND_ANY, ignored;
        uint8_t parameters[FLOW_PARAMETERS_MAX] = { KIND_ANY };
        *ret = KIND_ANY;
        if (called >= KIND_FUNCTION) {
                for (size_t i = 0; i < FLOW_PARAMETERS_MAX; i++)
                        parameters[i] = (uint8_t) (b > 0 && i + 1 >= b ? KIND_DATA : kind_at(frame, kinds, a + 1 + i));
                return flow_function(frame->flow, (uint8_t) (called - KIND_FUNCTION), parameters, ret);
        }
        switch (called) {
        case KIND_GIVES_ANY:
        case KIND_NEXT_ANY:
                return true;
        case KIND_GIVES_DATA:
        case KIND_NEXT_DATA:
                *ret = KIND_DATA;
                return true;
        case KIND_GIVES_OWN:
                *ret = KIND_OWN;
                return true;
        case KIND_FILLS:
                return argument == KIND_OWN;
        case KIND_SORTS:
                if (b == 0 || argument != KIND_OWN)
                        return false;
                argument = b > 2 ? kind_at(frame, kinds, a + 2) : KIND_ANY;
                return b == 2 || (argument >= KIND_FUNCTION &&
                                         flow_function(frame->flow, (uint8_t) (argument - KIND_FUNCTION), parameters, &ignored));
        case KIND_TRIES:
                return b == 1 || call_kind(frame, kinds, a + 1, b > 0 ? b - 1 : 0, &ignored);
        case KIND_GSUB:
                *ret = KIND_DATA;
                argument = b > 3 ? kind_at(frame, kinds, a + 3) : KIND_ANY;
                if (argument < KIND_FUNCTION)
                        return argument == KIND_DATA || argument == KIND_OWN;
                memset(parameters, KIND_DATA, sizeof(parameters));
                return flow_function(frame->flow, (uint8_t) (argument - KIND_FUNCTION), parameters, &ignored);
        case KIND_GMATCH:
                *ret = KIND_NEXT_DATA;
                return true;
        case KIND_EACH:
                *ret = argument == KIND_DATA ? KIND_NEXT_DATA : KIND_NEXT_ANY;
                return true;
        default:
                return false;
        }
}

static void note_result(Frame *frame, Kind kind) {
        if (frame->returns && frame->result != (uint8_t) kind)
                kind = KIND_ANY;
        frame->returns = true;
        frame->result = (uint8_t) kind;
}

/* ---- the instructions ------------------------------------------------------- */

/* The instruction at pc, with what is in the registers before it: false when it may write. */
static bool flow_step(Frame *frame, size_t pc, uint8_t *kinds) {
        const Prototype *code = frame->code;
        uint32_t instruction = instruction_at(code, pc), op = operation(instruction);
        size_t a = operand_a(instruction), b = operand_b(instruction), c = operand_c(instruction), n = code->n_registers, size;
        int64_t next = (int64_t) pc + 1;
        const char *name;
        Kind kind = KIND_ANY;
        if (op >= OP_LOADI && op <= OP_LOADTRUE) {
                set_kind(frame, kinds, a, KIND_DATA);
                return flow_to(frame, op == OP_LFALSESKIP ? next + 1 : next, kinds);
        }
        /* No metamethod of arithmetic exists: what comes out is a number. */
        if ((op >= OP_ADDI && op <= OP_SHR) || (op >= OP_UNM && op <= OP_LEN)) {
                set_kind(frame, kinds, a, KIND_DATA);
                return flow_to(frame, next, kinds);
        }
        if (op >= OP_MMBIN && op <= OP_MMBINK)
                return flow_to(frame, next, kinds);
        if (op >= OP_EQ && op <= OP_TEST)
                return flow_to(frame, next, kinds) && flow_to(frame, next + 1, kinds);
        switch (op) {
        case OP_MOVE:
                set_kind(frame, kinds, a, kind_at(frame, kinds, b));
                break;
        case OP_LOADNIL:
                set_kinds(frame, kinds, a, b + 1, KIND_DATA);
                break;
        case OP_GETUPVAL:
                set_kind(frame, kinds, a, upvalue_kind(frame, b));
                break;
        case OP_SETUPVAL: {
                const Upvalue upvalue = upvalue_of(frame, b);
                if (upvalue.function > 0 || (upvalue.kind != KIND_ANY && (Kind) upvalue.kind != kind_at(frame, kinds, a)))
                        return false;
                break;
        }
        case OP_GETTABUP:
                if (code_constant_text(code, c, &name, &size))
                        kind = upvalue_field_kind(frame, b, name, size);
                set_kind(frame, kinds, a, kind);
                break;
        case OP_SETTABUP: {
                const Upvalue upvalue = upvalue_of(frame, a);
                if (upvalue.function > 0 || upvalue.kind != KIND_OWN)
                        return false;
                break;
        }
        case OP_GETTABLE:
        case OP_GETI:
                set_kind(frame, kinds, a, kind_at(frame, kinds, b) == KIND_DATA ? KIND_DATA : KIND_ANY);
                break;
        case OP_GETFIELD:
                if (code_constant_text(code, c, &name, &size))
                        kind = field_kind(kind_at(frame, kinds, b), name, size);
                set_kind(frame, kinds, a, kind);
                break;
        case OP_SELF: {
                Kind of = kind_at(frame, kinds, b);
                /* The name is a constant unless there are very many of them. */
                if (of == KIND_DATA && operand_k(instruction) && code_constant_text(code, c, &name, &size))
                        kind = harmless_kind(KIND_STRING, name, size);
                set_kind(frame, kinds, a + 1, of);
                set_kind(frame, kinds, a, kind);
                break;
        }
        case OP_NEWTABLE:
                set_kind(frame, kinds, a, KIND_OWN);
                break;
        case OP_SETTABLE:
        case OP_SETI:
        case OP_SETFIELD:
        case OP_SETLIST:
                if (kind_at(frame, kinds, a) != KIND_OWN)
                        return false;
                break;
        case OP_CONCAT:
                set_kinds(frame, kinds, a, n, KIND_ANY);
                set_kind(frame, kinds, a, KIND_DATA);
                break;
        case OP_CLOSURE:
                if (operand_bx(instruction) >= code->n_inner || !make_function(frame, kinds, a, code->inner[operand_bx(instruction)]))
                        return false;
                break;
        case OP_JMP:
                return flow_to(frame, next + operand_sj(instruction), kinds);
        case OP_TESTSET:
                if (!flow_to(frame, next + 1, kinds))
                        return false;
                set_kind(frame, kinds, a, kind_at(frame, kinds, b));
                break;
        case OP_CALL: {
                Kind called = kind_at(frame, kinds, a);
                if (!call_kind(frame, kinds, a, b, &kind))
                        return false;
                if (called == KIND_EACH || called == KIND_GMATCH) {
                        /* The iterator; then, for ipairs, its table and where it is; then nothing. */
                        set_kinds(frame, kinds, a + 2, n, KIND_DATA);
                        set_kind(frame, kinds, a, kind);
                        if (b < 2)
                                set_kind(frame, kinds, a + 1, KIND_ANY);
                } else
                        set_kinds(frame, kinds, a, n, kind);
                /* Behind the results is what the call left there. */
                if (c > 0)
                        set_kinds(frame, kinds, a + c - 1, n, KIND_ANY);
                break;
        }
        case OP_TAILCALL:
                if (!call_kind(frame, kinds, a, b, &kind))
                        return false;
                note_result(frame, kind_at(frame, kinds, a) == KIND_EACH || kind_at(frame, kinds, a) == KIND_GMATCH ? KIND_ANY : kind);
                return true;
        case OP_RETURN:
                if (b == 0)
                        note_result(frame, KIND_ANY);
                for (size_t i = 1; i < b; i++)
                        note_result(frame, kind_at(frame, kinds, a + i - 1));
                return true;
        case OP_RETURN0:
                return true;
        case OP_RETURN1:
                note_result(frame, kind_at(frame, kinds, a));
                return true;
        case OP_FORLOOP:
                set_kinds(frame, kinds, a, 4, KIND_DATA);
                if (!flow_to(frame, next - (int64_t) operand_bx(instruction), kinds))
                        return false;
                break;
        case OP_FORPREP:
                set_kinds(frame, kinds, a, 4, KIND_DATA);
                if (!flow_to(frame, next + (int64_t) operand_bx(instruction) + 1, kinds))
                        return false;
                break;
        case OP_TFORPREP: /* closes nothing: no value that a rule can have has a __close */
                return flow_to(frame, next + (int64_t) operand_bx(instruction), kinds);
        case OP_TFORCALL:
                if (!call_kind(frame, kinds, a, 3, &kind))
                        return false;
                set_kinds(frame, kinds, a + 4, n, KIND_ANY);
                set_kinds(frame, kinds, a + 4, c, kind);
                break;
        case OP_TFORLOOP:
                if (!flow_to(frame, next, kinds))
                        return false;
                set_kind(frame, kinds, a + 2, kind_at(frame, kinds, a + 4));
                return flow_to(frame, next - (int64_t) operand_bx(instruction), kinds);
        case OP_VARARG:
                set_kinds(frame, kinds, a, c > 0 ? c - 1 : n, KIND_ANY);
                break;
        case OP_CLOSE: /* the end of a loop: nothing to close, see OP_TFORPREP */
                end_variables(frame, kinds, a);
                break;
        case OP_VARARGPREP:
        case OP_EXTRAARG:
                break;
        default:
                return false;
        }
        return flow_to(frame, next, kinds);
}

/* Whatever way the instructions take, none of them writes. */
static bool follow(Frame *frame, const uint8_t parameters[static FLOW_PARAMETERS_MAX]) {
        Flow *flow = frame->flow;
        uint8_t kinds[UINT8_MAX + 1] = { KIND_ANY };
        const Prototype *code = frame->code;
        size_t n = code->n_registers;
        for (size_t i = 0; i < code->n_parameters && i < FLOW_PARAMETERS_MAX && i < n; i++)
                kinds[i] = parameters[i];
        (void) flow_to(frame, 0, kinds);
        for (int pass = 0; frame->changed; pass++) {
                if (pass == FLOW_PASSES_MAX)
                        return false;
                frame->changed = false;
                for (size_t pc = 0; pc < code->n_instructions; pc++) {
                        const uint8_t *state = frame->states + pc * (n + 1);
                        if (!state[0])
                                continue;
                        memcpy(kinds, state + 1, n);
                        if (++flow->n_steps > FLOW_STEPS_MAX || !flow_step(frame, pc, kinds) || frame->failed)
                                return false;
                }
        }
        return true;
}

/* The function does not write when it is called with these; what do the results hold. */
static bool flow_function(Flow *flow, uint8_t function, const uint8_t parameters[static FLOW_PARAMETERS_MAX], Kind *ret) {
        const Prototype *code = flow->functions[function].code;
        *ret = KIND_ANY;
        for (size_t i = 0; i < flow->n_analyses; i++) {
                const Analysis *known = &flow->analyses[i];
                if (known->function != function || memcmp(known->parameters, parameters, FLOW_PARAMETERS_MAX) != 0)
                        continue;
                /* One that is not done calls itself: it is good if the rest of it is. */
                if (known->is_done)
                        *ret = (Kind) known->result;
                return true;
        }
        if (flow->n_analyses == FLOW_ANALYSES_MAX || flow->depth == FLOW_DEPTH_MAX || code->n_instructions == 0 ||
                code->n_instructions > FLOW_INSTRUCTIONS_MAX)
                return false;
        Analysis *analysis = &flow->analyses[flow->n_analyses++];
        analysis->function = function;
        memcpy(analysis->parameters, parameters, FLOW_PARAMETERS_MAX);
        Frame frame = { .flow = flow, .function = function, .code = code };
        frame.states = calloc(code->n_instructions, code->n_registers + 1);
        if (!frame.states) {
                flow->error = -ENOMEM;
                return false;
        }
        flow->depth++;
        bool good = follow(&frame, parameters) && flow->error == 0;
        flow->depth--;
        free(frame.states);
        analysis->is_done = true;
        analysis->result = frame.returns ? frame.result : KIND_DATA;
        *ret = (Kind) analysis->result;
        return good;
}

int sandbox_only_reads(lua_State *L, int index, bool *ret) {
        /* It is called with the lead and the time. */
        static const uint8_t parameters[FLOW_PARAMETERS_MAX] = { KIND_DATA, KIND_DATA };
        Kind kind, ignored;
        *ret = false;
        if (lua_iscfunction(L, index))
                return 0;
        luaL_checkstack(L, FLOW_HELPERS_MAX + 16, NULL); /* raises; nothing below does */
        index = lua_absindex(L, index);
        int top = lua_gettop(L);
        Flow *flow = calloc(1, sizeof(Flow));
        if (!flow)
                return -ENOMEM;
        flow->L = L;
        flow->base = top;
        lua_settop(L, top + FLOW_HELPERS_MAX);
        lua_pushvalue(L, index);
        kind = helper_kind(flow);
        if (kind >= KIND_FUNCTION)
                *ret = flow_function(flow, (uint8_t) (kind - KIND_FUNCTION), parameters, &ignored);
        int r = flow->error;
        lua_settop(L, top);
        for (size_t i = 0; i < flow->n_codes; i++)
                code_done(&flow->codes[i]);
        free(flow);
        if (r < 0)
                *ret = false;
        return r;
}
