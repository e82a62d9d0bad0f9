/* SPDX-License-Identifier: MIT */
/*
 * sandbox_reads: functions that surely leave nothing behind. After any other function the sandbox is taken back to
 * where it was, so that no rule on a lead feels what another one did; most rules only look at the lead, and need not pay for that.
 *
 * "Surely" is read off the instructions, of which those that write, call, make a table or a function are not in the list below. It can
 * only err to one side: what is unknown counts as writing. The numbers are those of Lua 5.4 (lopcodes.h is not installed with it); code
 * that says it is of another version is not read at all.
 */
#include "sandbox.h"

#include <errno.h>

/* The signature, version 5.4, format 0, LUAC_DATA, the sizes of an instruction, an integer and a number, LUAC_INT, LUAC_NUM. */
#define CODE_HEADER_SIZE (4 + 1 + 1 + 6 + 3 + 8 + 8)
static const char code_header[] = "\x1bLua\x54\0\x19\x93\r\n\x1a\n\x04\x08\x08";

/* By opcode: MOVE .. GETUPVAL, GETTABUP .. GETFIELD, ADDI .. SHR, MMBIN .. LEN, JMP .. TESTSET, RETURN .. FORPREP, VARARG .. EXTRAARG. */
static bool opcode_reads(uint32_t opcode) {
        return opcode <= 9 || (opcode >= 11 && opcode <= 14) || (opcode >= 21 && opcode <= 52) || (opcode >= 56 && opcode <= 67) ||
               (opcode >= 70 && opcode <= 74) || (opcode >= 80 && opcode <= 82);
}

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

int sandbox_mentions(lua_State *L, int index, const char *word, bool *ret) {
        _cleanup_(text_free) Text code = { 0 };
        *ret = false;
        lua_pushvalue(L, index);
        (void) lua_dump(L, on_code, &code, true);
        lua_pop(L, 1);
        if (code.error == 0)
                *ret = code.size > 0 && memmem(code.data, code.size, word, strlen(word)) != NULL;
        return code.error;
}

int sandbox_only_reads(lua_State *L, int index, bool *ret) {
        _cleanup_(text_free) Text code = { 0 };
        size_t source_size, line, last_line, n;
        *ret = false;
        if (lua_iscfunction(L, index))
                return 0;
        lua_pushvalue(L, index);
        (void) lua_dump(L, on_code, &code, true);
        lua_pop(L, 1);
        if (code.error < 0)
                return code.error;
        const uint8_t *at = (const uint8_t *) code.data, *end = at + code.size;
        if (code.size < CODE_HEADER_SIZE + 1 || memcmp(at, code_header, sizeof(code_header) - 1) != 0)
                return 0;
        at += CODE_HEADER_SIZE + 1; /* and the number of upvalues */
        if (!read_size(&at, end, &source_size) || source_size != 0 || !read_size(&at, end, &line) || !read_size(&at, end, &last_line) ||
                end - at < 3)
                return 0;
        at += 3; /* parameters, varargs, registers */
        if (!read_size(&at, end, &n) || n > (size_t) (end - at) / sizeof(uint32_t))
                return 0;
        for (size_t i = 0; i < n; i++) {
                uint32_t instruction;
                memcpy(&instruction, at + i * sizeof(instruction), sizeof(instruction));
                if (!opcode_reads(instruction & 0x7f))
                        return 0;
        }
        *ret = n > 0;
        return 0;
}
