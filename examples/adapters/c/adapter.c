/* Holds layer_norm.c against the oracle: `normgrad check layer -- ./adapter`. Fill in read_call(), wrong_with() and run(). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "layer_norm.h"

enum { MAX_RANK = 8 };

typedef struct {
    int present;
    size_t rank, size, shape[MAX_RANK];
    float *data;
} Tensor;

/* What a call of a layer norm is made of. */
typedef struct {
    Tensor x, dy, weight, bias, slice; /* slice: the trailing axes that are normalized, without data */
    float eps;
} Call;

static void *allocate(size_t count, size_t width) {
    void *memory = calloc(count ? count : 1, width);
    if (!memory) {
        fputs("adapter: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* Extents as a shape, and their product as its size. */
static void read_shape(Tensor *t, Json extents) {
    t->size = 1;
    for (Json e = json_first(extents); e && t->rank < MAX_RANK; e = json_next(e)) {
        double extent = json_number(e);
        t->shape[t->rank] = extent >= 0 && extent < 1e6 ? (size_t)extent : 0;
        t->size *= t->shape[t->rank++];
    }
}

/* The tensor of this name in a record of tensors; present = 0 without, or when its data do not fill its shape. */
static Tensor read_tensor(Json record, const char *name) {
    Tensor t = {0};
    Json value = json_get(record, name), data = json_get(value, "data");
    size_t count = 0;
    if (!data) return t;
    read_shape(&t, json_get(value, "shape"));
    for (Json e = json_first(data); e; e = json_next(e)) count++;
    if (count != t.size) return t;
    t.present = 1;
    t.data = allocate(count, sizeof(float));
    count = 0;
    for (Json e = json_first(data); e; e = json_next(e)) t.data[count++] = (float)json_number(e);
    return t;
}

static void write_tensor(const char *before, const char *name, const Tensor *like, const float *data) {
    printf("%s\"%s\":{\"shape\":[", before, name);
    for (size_t i = 0; i < like->rank; i++) printf("%s%zu", i ? "," : "", like->shape[i]);
    fputs("],\"data\":[", stdout);
    for (size_t i = 0; i < like->size; i++) {
        if (i) putchar(',');
        json_write_float(stdout, data[i]);
    }
    fputs("]}", stdout);
}

/* The beginning of a reply: the seq of the message, which may be any value, as it came. */
static void begin(Json seq) {
    fputs("{\"seq\":", stdout);
    if (seq) fwrite(seq, 1, (size_t)(json_end(seq) - seq), stdout);
    else fputs("null", stdout);
}

/* A reply without results: kind is "skipped", "rejected" or "errored". */
static void refuse(Json seq, const char *kind, const char *reason) {
    begin(seq);
    printf(",\"%s\":true,\"message\":\"%s\"}\n", kind, reason);
}

static Call read_call(Json asked, Json call) {
    Json config = json_get(asked, "config"), params = json_get(asked, "params"), eps = json_get(config, "eps");
    Call c = {0};
    c.eps = eps ? (float)json_number(eps) : 1e-5f;
    c.x = read_tensor(json_get(call, "inputs"), "x");
    c.dy = read_tensor(json_get(call, "gradOutputs"), "y");
    c.weight = read_tensor(params, "weight");
    c.bias = read_tensor(params, "bias");
    read_shape(&c.slice, json_get(config, "normalizedShape"));
    return c;
}

static void free_call(Call *c) {
    free(c->x.data);
    free(c->dy.data);
    free(c->weight.data);
    free(c->bias.data);
}

static int ends_in(const Tensor *t, const Tensor *end) {
    return t->rank >= end->rank &&
           memcmp(t->shape + (t->rank - end->rank), end->shape, end->rank * sizeof(size_t)) == 0;
}

static int has_shape(const Tensor *t, const Tensor *like) { return t->rank == like->rank && ends_in(t, like); }

/* Why the call is invalid, or NULL. */
static const char *wrong_with(const Call *c) {
    if (!(c->eps >= 0 && c->eps < INFINITY)) return "eps must be finite and not negative";
    if (c->slice.rank == 0 || c->slice.size == 0) return "normalizedShape names no element";
    if (!c->x.present || !ends_in(&c->x, &c->slice)) return "x must end in normalizedShape";
    if (c->weight.present && !has_shape(&c->weight, &c->slice)) return "weight must have normalizedShape";
    if (c->bias.present && !has_shape(&c->bias, &c->slice)) return "bias must have normalizedShape";
    if (c->dy.present && !has_shape(&c->dy, &c->x)) return "the gradient of y must have the shape of y";
    return NULL;
}

/* Runs a valid call and writes its result. */
static void run(const Call *c) {
    size_t n = c->slice.size, rows = c->x.size / n;
    float *y = allocate(c->x.size, sizeof(float)), *dx = allocate(c->x.size, sizeof(float));
    float *mean = allocate(rows, sizeof(float)), *rstd = allocate(rows, sizeof(float));
    float *dweight = c->weight.present ? allocate(n, sizeof(float)) : NULL;
    float *dbias = c->bias.present ? allocate(n, sizeof(float)) : NULL;

    layer_norm_forward(c->x.data, c->weight.data, c->bias.data, c->eps, rows, n, y, mean, rstd);
    write_tensor("{\"outputs\":{", "y", &c->x, y);
    fputs("},\"grads\":{", stdout);
    if (c->dy.present) {
        layer_norm_backward(c->dy.data, c->x.data, c->weight.data, mean, rstd, rows, n, dx, dweight, dbias);
        write_tensor("", "x", &c->x, dx);
        if (dweight) write_tensor(",", "weight", &c->weight, dweight);
        if (dbias) write_tensor(",", "bias", &c->bias, dbias);
    }
    fputs("},\"stateAfter\":{}}", stdout);
    free(y), free(dx), free(mean), free(rstd), free(dweight), free(dbias);
}

/* The reply to a case of layer norm. A result once begun cannot be taken back: all calls are looked at before the first is run. */
static void answer_case(Json seq, Json asked) {
    Json calls = json_get(asked, "calls");
    for (Json call = json_first(calls); call; call = json_next(call)) {
        Call c = read_call(asked, call);
        const char *wrong = wrong_with(&c);
        free_call(&c);
        if (wrong) {
            refuse(seq, "rejected", wrong);
            return;
        }
    }
    begin(seq);
    fputs(",\"results\":[", stdout);
    for (Json call = json_first(calls); call; call = json_next(call)) {
        Call c = read_call(asked, call);
        if (call != json_first(calls)) putchar(',');
        run(&c);
        free_call(&c);
    }
    puts("]}");
}

/* Replies to a message; 0 ends the process. */
static int answer(const char *line) {
    Json message = line + strspn(line, " \t");
    if (!json_valid(message)) {
        refuse(NULL, "errored", "not JSON");
        return 1;
    }
    Json cmd = json_get(message, "cmd"), seq = json_get(message, "seq"), asked = json_get(message, "case");
    if (json_is(cmd, "stop")) return 0;
    if (json_is(cmd, "start")) {
        puts("{\"version\":1,\"implementation\":{\"name\":\"layer_norm.c\",\"language\":\"C\",\"version\":\"1\"},"
             "\"norms\":[\"layer\"],\"dtypes\":[\"float32\"],\"features\":[\"eval\"]}");
    } else if (!json_is(json_get(asked, "norm"), "layer")) {
        refuse(seq, "skipped", "only layer norm here");
    } else if (json_is(json_get(asked, "dtype"), "float64")) {
        refuse(seq, "skipped", "only float32 here");
    } else {
        answer_case(seq, asked);
    }
    return 1;
}

/* A line of any length, without its end; NULL at the end of the input. The caller frees it. */
static char *read_line(void) {
    size_t length = 0, room = 1 << 12;
    char *line = allocate(room, 1);
    int c;
    while ((c = getchar()) != EOF && c != '\n') {
        if (length + 2 > room && !(line = realloc(line, room *= 2))) exit(1);
        line[length++] = (char)c;
    }
    line[length] = '\0';
    if (c == EOF && length == 0) {
        free(line);
        return NULL;
    }
    return line;
}

int main(void) {
    char *line;
    int go_on = 1;
    while (go_on && (line = read_line())) {
        if (line[strspn(line, " \t\r")]) go_on = answer(line);
        fflush(stdout);
        free(line);
    }
    return 0;
}
