/* SPDX-License-Identifier: MIT */
/*
 * sandbox_code: takes the dump of a function apart (lundump.c says how it is put together). It only reads: what is not as expected, or
 * does not end where it should, is not known.
 */
#include "sandbox_code.h"

#include <errno.h>

/* The signature, version 5.4, format 0, LUAC_DATA, the sizes of an instruction, an integer and a number, LUAC_INT, LUAC_NUM. */
#define CODE_HEADER_SIZE (4 + 1 + 1 + 6 + 3 + 8 + 8)
static const char code_header[] = "\x1bLua\x54\0\x19\x93\r\n\x1a\n\x04\x08\x08";

static int on_code(lua_State *L _unused_, const void *data, size_t size, void *userdata) {
        Text *code = userdata;
        text_append_size(code, data, size);
        return code->error;
}

int sandbox_dump(lua_State *L, int index, Text *ret) {
        lua_pushvalue(L, index);
        (void) lua_dump(L, on_code, ret, true);
        lua_pop(L, 1);
        return ret->error;
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

/* A number of things of a size; steps over them. */
static bool read_list(const uint8_t **at, const uint8_t *end, size_t size, const uint8_t **ret, size_t *ret_n) {
        if (!read_size(at, end, ret_n) || *ret_n > (size_t) (end - *at) / size)
                return false;
        *ret = *at;
        *at += *ret_n * size;
        return true;
}

/* Steps over a constant; ret: when it is a text. */
static bool read_constant(const uint8_t **at, const uint8_t *end, const char **ret, size_t *ret_size) {
        *ret = NULL;
        if (*at == end)
                return false;
        uint8_t type = *(*at)++;
        size_t size = 0;
        if (type == 3 || type == 19) /* an integer, a float */
                size = 8;
        else if (type == 4 || type == 20) { /* a text */
                if (!read_size(at, end, &size) || size == 0)
                        return false;
                size--;
        } else if (type != 0 && type != 1 && type != 17) /* nil, false, true */
                return false;
        if (size > (size_t) (end - *at))
                return false;
        if (type == 4)
                *ret = (const char *) *at;
        *ret_size = size;
        *at += size;
        return true;
}

bool code_constant_text(const Prototype *code, size_t i, const char **ret, size_t *ret_size) {
        const uint8_t *at = code->constants;
        *ret = NULL;
        for (size_t k = 0; k <= i; k++)
                if (k == code->n_constants || !read_constant(&at, code->end, ret, ret_size))
                        return false;
        return *ret != NULL;
}

static bool read_prototype(Code *code, const uint8_t **at, int nesting, const Prototype **ret) {
        const uint8_t *end = (const uint8_t *) code->dump.data + code->dump.size, *ignored;
        size_t size, line, last_line, n, n_inner;
        const char *text;
        if (nesting == CODE_NESTING_MAX || code->n_prototypes == CODE_PROTOTYPES_MAX)
                return false;
        Prototype *into = &code->prototypes[code->n_prototypes++];
        *ret = into;
        /* Stripped, it has no source. */
        if (!read_size(at, end, &size) || size != 0 || !read_size(at, end, &line) || !read_size(at, end, &last_line) || end - *at < 3)
                return false;
        into->n_parameters = (*at)[0];
        into->n_registers = (*at)[2]; /* between them: whether there are more arguments */
        *at += 3;
        if (!read_list(at, end, sizeof(uint32_t), &into->instructions, &into->n_instructions) || !read_size(at, end, &into->n_constants))
                return false;
        into->constants = *at;
        into->end = end;
        for (size_t i = 0; i < into->n_constants; i++)
                if (!read_constant(at, end, &text, &size))
                        return false;
        if (!read_list(at, end, 3, &into->upvalues, &into->n_upvalues) || !read_size(at, end, &n_inner) || n_inner > CODE_PROTOTYPES_MAX)
                return false;
        for (; into->n_inner < n_inner; into->n_inner++)
                if (!read_prototype(code, at, nesting + 1, &into->inner[into->n_inner]))
                        return false;
        /* Stripped: no lines (of two kinds), no names of variables and upvalues. */
        for (int i = 0; i < 4; i++)
                if (!read_list(at, end, 1, &ignored, &n) || n != 0)
                        return false;
        return true;
}

int code_read(Code *code, lua_State *L, int index, bool *ret_known) {
        const Prototype *whole;
        *ret_known = false;
        code->prototypes = calloc(CODE_PROTOTYPES_MAX, sizeof(Prototype));
        if (!code->prototypes || sandbox_dump(L, index, &code->dump) < 0)
                return -ENOMEM;
        if (code->dump.size < CODE_HEADER_SIZE + 1 || memcmp(code->dump.data, code_header, sizeof(code_header) - 1) != 0)
                return 0;
        const uint8_t *at = (const uint8_t *) code->dump.data + CODE_HEADER_SIZE + 1; /* and the number of upvalues */
        *ret_known = read_prototype(code, &at, 0, &whole);
        return 0;
}

void code_done(Code *code) {
        free(code->prototypes);
        text_free(&code->dump);
        *code = (Code){ 0 };
}
