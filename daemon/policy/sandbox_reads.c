/* SPDX-License-Identifier: MIT */
/*
 * sandbox_reads: functions that surely leave nothing behind. After any other function the sandbox is taken back to
 * where it was, so that no rule on a lead feels what another one did; most rules only look at the lead, and need not pay for that.
 *
 * "Surely" is read off the instructions. Those that make a function, or write elsewhere than into a table that the
 * same call has made, are not known here. A call is good when what is
 * called is one of the sandbox's own functions that keep and change nothing: it is followed through the registers, over all the ways the
 * instructions can take, from where it was loaded, as a word of the language (`type`, `math.max`) or as a method of a text. A method's
 * text must come from the lead, a constant or another such call: none of these can hold a function of a rule, while a table of a rule
 * could have a `lower` of its own. What such a function makes (texts, lists, iterators) is thrown away with the memory.
 *
 * It can only err to one side: what is unknown counts as writing. The numbers are those of Lua 5.4 (lopcodes.h is not installed with it);
 * code that says it is of another version is not read at all.
 */
#include "sandbox.h"

#include <errno.h>
#include <lauxlib.h>

/* The signature, version 5.4, format 0, LUAC_DATA, the sizes of an instruction, an integer and a number, LUAC_INT, LUAC_NUM. */
#define CODE_HEADER_SIZE (4 + 1 + 1 + 6 + 3 + 8 + 8)
static const char code_header[] = "\x1bLua\x54\0\x19\x93\r\n\x1a\n\x04\x08\x08";

/* Longer functions with calls are not followed: it takes time in proportion to them, and beside their own work a rewind is nothing. */
#define FLOW_INSTRUCTIONS_MAX 1000
/* The ways through most functions are known after two or three; one more for each loop in a loop. */
#define FLOW_PASSES_MAX 16

/* What a register surely holds. */
typedef enum Kind {
        KIND_ANY,
        KIND_DATA, /* nil, a boolean, a number, a text, a table of the lead, or a function of `string`: what can be had from these by index
                    */
        KIND_OWN,  /* a table that this call made: it can write there as it likes */
        KIND_MATH,
        KIND_STRING,
        KIND_TABLE,
        /* Functions that keep and change nothing; or, for a method, something that is not called but an error: */
        KIND_GIVES_DATA,
        KIND_GIVES_ANY,
        KIND_GIVES_OWN,
        KIND_FILLS,    /* the same, when it is given such a table; and no function */
        KIND_GSUB,     /* the same, unless it is given a function */
        KIND_GMATCH,   /* gives one that gives data */
        KIND_EACH,     /* ipairs and pairs: give one that gives what is in its table */
        KIND_NEXT_ANY, /* iterators */
        KIND_NEXT_DATA
} Kind;

/* `error` and `assert` end the function, after which the sandbox is taken back in any case. Not here: what calls what it is given
 * (pcall, sort). */
static const struct {
        Kind library; /* KIND_ANY: none */
        const char *name;
        Kind kind;
} harmless[] = {
        { KIND_ANY, "assert", KIND_GIVES_ANY },
        { KIND_ANY, "error", KIND_GIVES_ANY },
        { KIND_ANY, "ipairs", KIND_EACH },
        { KIND_ANY, "pairs", KIND_EACH },
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
        { KIND_TABLE, "unpack", KIND_GIVES_ANY },
};
static const struct {
        Kind kind;
        const char *name;
} libraries[] = { { KIND_MATH, "math" }, { KIND_STRING, "string" }, { KIND_TABLE, "table" } };

static int on_code(lua_State *L _unused_, const void *data, size_t size, void *userdata) {
        Text *code = userdata;
        text_append_size(code, data, size);
        return code->error;
}

/* Seven bits a byte, the highest first; the last byte has the top bit. */
static bool read_size(const uint8_t **at, const uint8_t *end, size_t *ret) {
        size_t value = 0;
        while (*at < end && value < SIZE_MAX >> 8) {
                uint8_t byte = *(*at)++;
                value = value << 7 | (byte & 0x7f);
                if (byte & 0x80) {
                        *ret = value;
                        return true;
                }
        }
        return false;
}

int sandbox_dump(lua_State *L, int index, Text *ret) {
        lua_pushvalue(L, index);
        (void) lua_dump(L, on_code, ret, true);
        lua_pop(L, 1);
        return ret->error;
}

/* ---- what the instructions say ------------------------------------------ */

typedef struct Code {
        lua_State *L;
        int function; /* where it is on the stack */
        const uint8_t *instructions, *constants, *end;
        size_t n_instructions, n_constants, n_registers;
        size_t n_parameters;
        uint8_t *states; /* by instruction: whether it is reached, then what the registers hold before it */
        bool changed;
} Code;

enum {
        OP_MOVE = 0,
        OP_LOADI = 1,
        OP_LFALSESKIP = 6,
        OP_LOADTRUE = 7,
        OP_LOADNIL = 8,
        OP_GETUPVAL = 9,
        OP_GETTABUP = 11,
        OP_GETTABLE = 12,
        OP_GETI = 13,
        OP_GETFIELD = 14,
        OP_SETTABLE = 16,
        OP_SETI = 17,
        OP_SETFIELD = 18,
        OP_NEWTABLE = 19,
        OP_SELF = 20,
        OP_ADDI = 21,
        OP_SHR = 45,
        OP_MMBIN = 46,
        OP_MMBINK = 48,
        OP_UNM = 49,
        OP_LEN = 52,
        OP_CONCAT = 53,
        OP_CLOSE = 54,
        OP_JMP = 56,
        OP_EQ = 57,
        OP_TEST = 66,
        OP_TESTSET = 67,
        OP_CALL = 68,
        OP_TAILCALL = 69,
        OP_RETURN = 70,
        OP_RETURN1 = 72,
        OP_FORLOOP = 73,
        OP_FORPREP = 74,
        OP_TFORPREP = 75,
        OP_TFORCALL = 76,
        OP_TFORLOOP = 77,
        OP_SETLIST = 78,
        OP_VARARG = 80,
        OP_VARARGPREP = 81,
        OP_EXTRAARG = 82
};

static inline size_t operand_a(uint32_t i) { return i >> 7 & 0xff; }
static inline bool operand_k(uint32_t i) { return i >> 15 & 1; }
static inline size_t operand_b(uint32_t i) { return i >> 16 & 0xff; }
static inline size_t operand_c(uint32_t i) { return i >> 24; }
static inline size_t operand_bx(uint32_t i) { return i >> 15; }
static inline int64_t operand_sj(uint32_t i) { return (int64_t) (i >> 7) - 0xffffff; }

static uint32_t instruction_at(const Code *code, size_t pc) {
        uint32_t instruction;
        memcpy(&instruction, code->instructions + pc * sizeof(instruction), sizeof(instruction));
        return instruction;
}

/* Constant i when it is a text; false: another, or the code is not as expected. */
static bool constant_text(const Code *code, size_t i, const char **ret, size_t *ret_size) {
        const uint8_t *at = code->constants;
        for (size_t k = 0; k <= i && k < code->n_constants && at < code->end; k++) {
                uint8_t type = *at++;
                size_t size = 0;
                if (type == 3 || type == 19) /* an integer, a float */
                        size = 8;
                else if (type == 4 || type == 20) { /* a text */
                        if (!read_size(&at, code->end, &size) || size == 0)
                                return false;
                        size--;
                } else if (type != 0 && type != 1 && type != 17) /* nil, false, true */
                        return false;
                if (size > (size_t) (code->end - at))
                        return false;
                if (k == i) {
                        *ret = (const char *) at;
                        *ret_size = size;
                        return type == 4;
                }
                at += size;
        }
        return false;
}

static Kind harmless_kind(Kind library, const char *name, size_t size) {
        for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
                if (harmless[i].library == library && strlen(harmless[i].name) == size && memcmp(harmless[i].name, name, size) == 0)
                        return harmless[i].kind;
        return KIND_ANY;
}

/* Pushes the word of the language (nil: there is none of that name). Rule files cannot redefine words, and what they write into a library
 * is put back when they were read. The name is a constant of the function, so that pushing it makes no text. */
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

/* What upvalue i of the function has under the name. */
static Kind word_kind(const Code *code, size_t upvalue, const char *name, size_t size) {
        lua_State *L = code->L;
        int top = lua_gettop(L);
        Kind kind = KIND_ANY;
        if (!lua_getupvalue(L, code->function, (int) upvalue + 1))
                return KIND_ANY;
        lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        if (lua_rawequal(L, -1, -2)) {
                push_word(L, name, size);
                if (lua_iscfunction(L, -1))
                        kind = harmless_kind(KIND_ANY, name, size);
                for (size_t i = 0; lua_istable(L, -1) && i < ARRAY_SIZE(libraries); i++)
                        if (strlen(libraries[i].name) == size && memcmp(libraries[i].name, name, size) == 0)
                                kind = libraries[i].kind;
        }
        lua_settop(L, top);
        return kind;
}

static bool is_harmless(Kind kind) { return kind >= KIND_GIVES_DATA; }

/* What is at R[a] is called with b - 1 arguments behind it (b 0: who knows): what do the results hold; false: who knows what it does. */
static bool call_kind(const uint8_t *kinds, size_t n, size_t a, size_t b, Kind *ret) {
        Kind argument = b > 1 && a + 1 < n ? kinds[a + 1] : KIND_ANY;
        *ret = KIND_ANY;
        if (a >= n || !is_harmless(kinds[a]))
                return false;
        switch ((Kind) kinds[a]) {
        case KIND_GIVES_DATA:
        case KIND_NEXT_DATA:
                *ret = KIND_DATA;
                return true;
        case KIND_GIVES_OWN:
                *ret = KIND_OWN;
                return true;
        case KIND_FILLS:
                return argument == KIND_OWN;
        case KIND_GSUB:
                *ret = KIND_DATA;
                return b > 3 && a + 3 < n && (kinds[a + 3] == KIND_DATA || kinds[a + 3] == KIND_OWN);
        case KIND_GMATCH:
                *ret = KIND_NEXT_DATA;
                return true;
        case KIND_EACH:
                *ret = argument == KIND_DATA ? KIND_NEXT_DATA : KIND_NEXT_ANY;
                return true;
        default:
                return true;
        }
}

static void set_kinds(uint8_t *kinds, size_t n, size_t from, size_t count, Kind kind) {
        for (size_t i = from; i < n && i - from < count; i++)
                kinds[i] = (uint8_t) kind;
}

/* The instruction at pc can be next, with these in the registers. What two ways do not agree on is unknown. */
static bool flow_to(Code *code, int64_t pc, const uint8_t *kinds) {
        if (pc < 0 || pc >= (int64_t) code->n_instructions)
                return false;
        uint8_t *state = code->states + (size_t) pc * (code->n_registers + 1);
        if (!state[0]) {
                state[0] = 1;
                memcpy(state + 1, kinds, code->n_registers);
                code->changed = true;
                return true;
        }
        for (size_t i = 0; i < code->n_registers; i++)
                if (state[i + 1] != KIND_ANY && state[i + 1] != kinds[i]) {
                        state[i + 1] = KIND_ANY;
                        code->changed = true;
                }
        return true;
}

/* The instruction at pc, with what is in the registers before it: false when it may write. */
static bool flow_step(Code *code, size_t pc, uint8_t *kinds) {
        uint32_t instruction = instruction_at(code, pc), op = instruction & 0x7f;
        size_t a = operand_a(instruction), b = operand_b(instruction), c = operand_c(instruction), n = code->n_registers, size;
        int64_t next = (int64_t) pc + 1;
        const char *name;
        Kind kind = KIND_ANY;
        if (op < OP_MMBIN && a >= n)
                return false;
        if (op >= OP_LOADI && op <= OP_LOADTRUE) {
                kinds[a] = KIND_DATA;
                return flow_to(code, op == OP_LFALSESKIP ? next + 1 : next, kinds);
        }
        /* No metamethod of arithmetic exists: what comes out is a number. */
        if ((op >= OP_ADDI && op <= OP_SHR) || (op >= OP_UNM && op <= OP_LEN)) {
                set_kinds(kinds, n, a, 1, KIND_DATA);
                return flow_to(code, next, kinds);
        }
        if (op >= OP_MMBIN && op <= OP_MMBINK)
                return flow_to(code, next, kinds);
        if (op >= OP_EQ && op <= OP_TEST)
                return flow_to(code, next, kinds) && flow_to(code, next + 1, kinds);
        if (op >= OP_RETURN && op <= OP_RETURN1)
                return true;
        switch (op) {
        case OP_MOVE:
                kinds[a] = b < n ? kinds[b] : KIND_ANY;
                break;
        case OP_LOADNIL:
                set_kinds(kinds, n, a, b + 1, KIND_DATA);
                break;
        case OP_GETUPVAL:
                kinds[a] = KIND_ANY;
                break;
        case OP_GETTABUP:
                kinds[a] = constant_text(code, c, &name, &size) ? (uint8_t) word_kind(code, b, name, size) : KIND_ANY;
                break;
        case OP_GETTABLE:
        case OP_GETI:
                kinds[a] = b < n && kinds[b] == KIND_DATA ? KIND_DATA : KIND_ANY;
                break;
        case OP_GETFIELD:
                if (b < n && kinds[b] == KIND_DATA)
                        kind = KIND_DATA;
                else if (b < n && kinds[b] >= KIND_MATH && kinds[b] <= KIND_TABLE && constant_text(code, c, &name, &size))
                        kind = harmless_kind((Kind) kinds[b], name, size);
                kinds[a] = (uint8_t) kind;
                break;
        case OP_SELF:
                /* The name is a constant unless there are very many of them. */
                if (b < n && kinds[b] == KIND_DATA && operand_k(instruction) && constant_text(code, c, &name, &size))
                        kind = harmless_kind(KIND_STRING, name, size);
                set_kinds(kinds, n, a + 1, 1, b < n ? (Kind) kinds[b] : KIND_ANY);
                kinds[a] = (uint8_t) kind;
                break;
        case OP_NEWTABLE:
                kinds[a] = KIND_OWN;
                break;
        case OP_SETTABLE:
        case OP_SETI:
        case OP_SETFIELD:
        case OP_SETLIST:
                if (a >= n || kinds[a] != KIND_OWN)
                        return false;
                break;
        case OP_CONCAT:
                set_kinds(kinds, n, a, n, KIND_ANY);
                set_kinds(kinds, n, a, 1, KIND_DATA);
                break;
        case OP_JMP:
                return flow_to(code, next + operand_sj(instruction), kinds);
        case OP_TESTSET:
                if (!flow_to(code, next + 1, kinds))
                        return false;
                set_kinds(kinds, n, a, 1, b < n ? (Kind) kinds[b] : KIND_ANY);
                break;
        case OP_CALL:
        case OP_TAILCALL:
                if (!call_kind(kinds, n, a, b, &kind))
                        return false;
                if (op == OP_CALL && (kinds[a] == KIND_EACH || kinds[a] == KIND_GMATCH)) {
                        /* The iterator; then, for ipairs, its table and where it is; then nothing. */
                        set_kinds(kinds, n, a + 2, n, KIND_DATA);
                        set_kinds(kinds, n, a, 1, kind);
                        if (b < 2)
                                set_kinds(kinds, n, a + 1, 1, KIND_ANY);
                } else
                        set_kinds(kinds, n, a, n, kind);
                /* Behind the results is what the call left there. */
                if (op == OP_CALL && c > 0)
                        set_kinds(kinds, n, a + c - 1, n, KIND_ANY);
                break;
        case OP_FORLOOP:
                set_kinds(kinds, n, a, 4, KIND_DATA);
                if (!flow_to(code, next - (int64_t) operand_bx(instruction), kinds))
                        return false;
                break;
        case OP_FORPREP:
                set_kinds(kinds, n, a, 4, KIND_DATA);
                if (!flow_to(code, next + (int64_t) operand_bx(instruction) + 1, kinds))
                        return false;
                break;
        case OP_TFORPREP: /* closes nothing: no value that a rule can have has a __close */
                return flow_to(code, next + (int64_t) operand_bx(instruction), kinds);
        case OP_TFORCALL:
                if (!call_kind(kinds, n, a, 3, &kind))
                        return false;
                set_kinds(kinds, n, a + 4, n, KIND_ANY);
                set_kinds(kinds, n, a + 4, c, kind);
                break;
        case OP_TFORLOOP:
                if (!flow_to(code, next, kinds))
                        return false;
                set_kinds(kinds, n, a + 2, 1, a + 4 < n ? (Kind) kinds[a + 4] : KIND_ANY);
                return flow_to(code, next - (int64_t) operand_bx(instruction), kinds);
        case OP_VARARG:
                set_kinds(kinds, n, a, c > 0 ? c - 1 : n, KIND_ANY);
                break;
        case OP_CLOSE: /* the end of a loop: nothing to close, see OP_TFORPREP */
        case OP_VARARGPREP:
        case OP_EXTRAARG:
                break;
        default:
                return false;
        }
        return flow_to(code, next, kinds);
}

/* Whatever way the instructions take, none of them writes. 0 or -ENOMEM. */
static int code_only_reads(Code *code, bool *ret) {
        uint8_t kinds[UINT8_MAX + 1] = { KIND_ANY };
        *ret = false;
        if (code->n_instructions == 0 || code->n_instructions > FLOW_INSTRUCTIONS_MAX)
                return 0;
        _cleanup_(base_freep) uint8_t *states = calloc(code->n_instructions, code->n_registers + 1);
        if (!states)
                return -ENOMEM;
        code->states = states;
        /* It is called with the lead and the time. */
        set_kinds(kinds, code->n_registers, 0, code->n_parameters < 2 ? code->n_parameters : 2, KIND_DATA);
        (void) flow_to(code, 0, kinds);
        for (int pass = 0; code->changed; pass++) {
                if (pass == FLOW_PASSES_MAX)
                        return 0;
                code->changed = false;
                for (size_t pc = 0; pc < code->n_instructions; pc++) {
                        const uint8_t *state = states + pc * (code->n_registers + 1);
                        if (!state[0])
                                continue;
                        memcpy(kinds, state + 1, code->n_registers);
                        if (!flow_step(code, pc, kinds))
                                return 0;
                }
        }
        *ret = true;
        return 0;
}

int sandbox_only_reads(lua_State *L, int index, bool *ret) {
        _cleanup_(text_free) Text dump = { 0 };
        size_t source_size, line, last_line;
        *ret = false;
        if (lua_iscfunction(L, index))
                return 0;
        luaL_checkstack(L, 8, NULL); /* raises; nothing below does */
        Code code = { .L = L, .function = lua_absindex(L, index) };
        if (sandbox_dump(L, index, &dump) < 0)
                return dump.error;
        const uint8_t *at = (const uint8_t *) dump.data, *end = at + dump.size;
        if (dump.size < CODE_HEADER_SIZE + 1 || memcmp(at, code_header, sizeof(code_header) - 1) != 0)
                return 0;
        at += CODE_HEADER_SIZE + 1; /* and the number of upvalues */
        if (!read_size(&at, end, &source_size) || source_size != 0 || !read_size(&at, end, &line) || !read_size(&at, end, &last_line) ||
                end - at < 3)
                return 0;
        code.n_parameters = at[0];
        code.n_registers = at[2];
        at += 3; /* parameters, varargs, registers */
        if (!read_size(&at, end, &code.n_instructions) || code.n_instructions > (size_t) (end - at) / sizeof(uint32_t))
                return 0;
        code.instructions = at;
        at += code.n_instructions * sizeof(uint32_t);
        if (!read_size(&at, end, &code.n_constants))
                return 0;
        code.constants = at;
        code.end = end;
        return code_only_reads(&code, ret);
}
