#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * sandbox_code: the code of Lua 5.4 as lua_dump writes it, taken apart. lopcodes.h is not installed with Lua: the numbers are repeated
 * here, and code that says it is of another version is not read at all.
 */
#include "sandbox.h"

#define CODE_NESTING_MAX 16
#define CODE_PROTOTYPES_MAX 64

/* A function as it stands in the text, with those that stand in it. Points into the dump. */
typedef struct Prototype {
        const uint8_t *instructions, *constants, *upvalues, *end;
        size_t n_instructions, n_constants, n_upvalues, n_registers, n_parameters;
        const struct Prototype *inner[CODE_PROTOTYPES_MAX];
        size_t n_inner;
} Prototype;

typedef struct Code {
        Text dump;
        Prototype *prototypes; /* the first is the function itself */
        size_t n_prototypes;
} Code;

/* Of the Lua function at index. *ret_known: false when the code is of another version, or too large. 0 or -ENOMEM; code_done in any case.
 */
int code_read(Code *code, lua_State *L, int index, bool *ret_known);
void code_done(Code *code);

/* Constant i when it is a text; false: another. */
bool code_constant_text(const Prototype *code, size_t i, const char **ret, size_t *ret_size);

/* Where upvalue i of a function comes from when it is made: from a register of the one around it, or from its upvalue. */
static inline bool code_is_variable(const Prototype *code, size_t i) { return code->upvalues[3 * i]; }
static inline size_t code_place(const Prototype *code, size_t i) { return code->upvalues[3 * i + 1]; }

enum {
        OP_MOVE = 0,
        OP_LOADI = 1,
        OP_LFALSESKIP = 6,
        OP_LOADTRUE = 7,
        OP_LOADNIL = 8,
        OP_GETUPVAL = 9,
        OP_SETUPVAL = 10,
        OP_GETTABUP = 11,
        OP_GETTABLE = 12,
        OP_GETI = 13,
        OP_GETFIELD = 14,
        OP_SETTABUP = 15,
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
        OP_RETURN0 = 71,
        OP_RETURN1 = 72,
        OP_FORLOOP = 73,
        OP_FORPREP = 74,
        OP_TFORPREP = 75,
        OP_TFORCALL = 76,
        OP_TFORLOOP = 77,
        OP_SETLIST = 78,
        OP_CLOSURE = 79,
        OP_VARARG = 80,
        OP_VARARGPREP = 81,
        OP_EXTRAARG = 82
};

static inline uint32_t operation(uint32_t i) { return i & 0x7f; }
static inline size_t operand_a(uint32_t i) { return i >> 7 & 0xff; }
static inline bool operand_k(uint32_t i) { return i >> 15 & 1; }
static inline size_t operand_b(uint32_t i) { return i >> 16 & 0xff; }
static inline size_t operand_c(uint32_t i) { return i >> 24; }
static inline size_t operand_bx(uint32_t i) { return i >> 15; }
static inline int64_t operand_sj(uint32_t i) { return (int64_t) (i >> 7) - 0xffffff; }

static inline uint32_t instruction_at(const Prototype *code, size_t pc) {
        uint32_t instruction;
        memcpy(&instruction, code->instructions + pc * sizeof(instruction), sizeof(instruction));
        return instruction;
}
