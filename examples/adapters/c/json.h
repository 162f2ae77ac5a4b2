/* Just enough JSON for the protocol. Copy json.h and json.c; nothing in them needs a change. */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>
#include <stdio.h>

/* A value by the place in the text where it begins; NULL for one that is not there. */
typedef const char *Json;

/* Whether the text is one complete value and nothing behind it. What it accepts, the functions below can read. */
int json_valid(const char *text);

/* The value behind the name in an object, or NULL. */
Json json_get(Json object, const char *name);

/* The first element of a list, or NULL of an empty one or of what is no list. */
Json json_first(Json list);

/* The element behind this one, or NULL at the end. */
Json json_next(Json element);

/* The first character behind a value. */
const char *json_end(Json value);

/* Whether the value is this text; without escapes. */
int json_is(Json value, const char *text);

/* A number, or the text "NaN", "Infinity", "-Infinity" or "-0". NAN for anything else. */
double json_number(Json value);

/* Writes a number so that reading gives it back, those that JSON does not have as text. */
void json_write_float(FILE *out, float value);

#endif
