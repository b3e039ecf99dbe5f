/* What the programs of the tests that try functions share: each call has to end as it is said to. */
#ifndef TRYING_H
#define TRYING_H

#include <prism.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what) do { if (!(what)) { fprintf(stderr, "%s, line %d: %s\n", __FILE__, __LINE__, #what); exit(1); } } while (0)

/* How many refusals came as they should. */
static int checked = 0;

/* The error of the last call: there, with every text, and of this code. */
static inline void expect_error(int status, const char *code, prism_error **err, int line) {
    if (status == 0 || !*err || strcmp(prism_error_code(*err), code) || !*prism_error_message(*err) || !*prism_error_hint(*err)) {
        fprintf(stderr, "line %d: expected %s, found status %d, %s: %s\n", line, code, status,
                *err ? prism_error_code(*err) : "no error", *err ? prism_error_message(*err) : "");
        exit(1);
    }
    prism_error_free(*err);
    *err = NULL;
    checked++;
}

#define REFUSED(code, call) expect_error((call), (code), &err, __LINE__)
#define USAGE(call) REFUSED("usage", call)
#define DONE(call) do { int s = (call); if (s) { fprintf(stderr, "line %d: %s: %s\n", __LINE__, prism_error_code(err), prism_error_message(err)); exit(1); } CHECK(!err); } while (0)

/* A file of a folder, good until the fifth call after this one. */
static inline const char *below(const char *place, const char *name) {
    static char path[4][4096];
    static int turn = 0;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", place, name);
    return path[turn];
}

#endif
