/* A reader that keeps no tree: a value is a place in the text, and looking for one skips those before it. */
#include "json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *space(const char *p) {
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') p++;
    return p;
}

/* Behind the text that begins at p, or NULL. */
static const char *skip_text(const char *p) {
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && *++p == '\0') return NULL;
    }
    return *p ? p + 1 : NULL;
}

/* Behind the value that begins at p, or NULL when there is none. */
static const char *skip(const char *p, int depth) {
    if (*p == '"') return skip_text(p);
    if (*p == '{' || *p == '[') {
        char close = *p == '{' ? '}' : ']';
        int object = *p == '{';
        if (depth > 100) return NULL;
        p = space(p + 1);
        if (*p == close) return p + 1;
        for (;;) {
            if (object) {
                if (*p != '"' || !(p = skip_text(p))) return NULL;
                p = space(p);
                if (*p != ':') return NULL;
                p = space(p + 1);
            }
            if (!(p = skip(p, depth + 1))) return NULL;
            p = space(p);
            if (*p == close) return p + 1;
            if (*p != ',') return NULL;
            p = space(p + 1);
        }
    }
    const char *start = p;
    while (isalnum((unsigned char)*p) || *p == '-' || *p == '+' || *p == '.') p++;
    return p > start ? p : NULL;
}

int json_valid(const char *text) {
    const char *end = skip(space(text), 0);
    return end && *space(end) == '\0';
}

const char *json_end(Json value) { return skip(value, 0); }

Json json_get(Json object, const char *name) {
    if (!object || *object != '{') return NULL;
    size_t length = strlen(name);
    const char *p = space(object + 1);
    while (*p == '"') {
        int found = strncmp(p + 1, name, length) == 0 && p[length + 1] == '"';
        p = space(space(skip_text(p)) + 1); /* behind the colon */
        if (found) return p;
        p = space(skip(p, 0));
        if (*p == ',') p = space(p + 1);
    }
    return NULL;
}

Json json_first(Json list) {
    if (!list || *list != '[') return NULL;
    const char *p = space(list + 1);
    return *p == ']' ? NULL : p;
}

Json json_next(Json element) {
    const char *p = space(skip(element, 0));
    return *p == ',' ? space(p + 1) : NULL;
}

int json_is(Json value, const char *text) {
    size_t length = strlen(text);
    return value && *value == '"' && strncmp(value + 1, text, length) == 0 && value[length + 1] == '"';
}

double json_number(Json value) {
    if (!value) return NAN;
    if (json_is(value, "Infinity")) return INFINITY;
    if (json_is(value, "-Infinity")) return -INFINITY;
    if (json_is(value, "-0")) return -0.0;
    return *value == '-' || isdigit((unsigned char)*value) ? strtod(value, NULL) : NAN;
}

void json_write_float(FILE *out, float value) {
    if (isnan(value)) fputs("\"NaN\"", out);
    else if (isinf(value)) fputs(value > 0 ? "\"Infinity\"" : "\"-Infinity\"", out);
    else if (value == 0 && signbit(value)) fputs("\"-0\"", out);
    else fprintf(out, "%.9g", (double)value);
}
