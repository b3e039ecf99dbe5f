/* A site that serves: an agent inside this program, for one computation.
 *
 *   host_agent TERMS STATE LISTEN [PLATFORM [PYTHON]]
 *
 * TERMS are the terms with everybody's approval, STATE is a folder of the agent's own, LISTEN is such as 0.0.0.0:6110.
 * PLATFORM is "auto" where it is not given: the hardware of this machine. The address is printed once it listens. It ends
 * when the computation is over, and in order on Ctrl-C.
 */
#include <prism.h>
#include <signal.h>
#include <stdio.h>

static prism_cancel *cancel;

static void on_interrupt(int number) {
    (void)number;
    prism_cancel_request(cancel);
}

static int serve(const prism_manifest *terms, const prism_agent_options *options, prism_error **err) {
    prism_agent *agent = NULL;
    prism_error *late = NULL;
    int rc = prism_agent_start(terms, options, &agent, err);
    if (rc) return rc;
    if (prism_manifest_simulated(terms)) puts("SIMULATED, NOT A TEE: no hardware protects this data");
    printf("%s listens on %s\n", prism_agent_platform(agent), prism_agent_address(agent));
    fflush(stdout);
    rc = prism_agent_wait(agent, 30, err);
    /* Whether it is over or not: the log is closed, what has to be destroyed is destroyed. */
    if (prism_agent_stop(agent, &late)) fprintf(stderr, "%s\n", prism_error_message(late));
    prism_error_free(late);
    prism_agent_free(agent);
    return rc;
}

int main(int argc, char **argv) {
    prism_agent_options options = PRISM_AGENT_OPTIONS_INIT;
    prism_manifest *terms = NULL;
    prism_error *err = NULL;
    int rc;
    /* The agreed program runs in a sandbox that this very executable builds, in a process of its own. */
    prism_sandbox_helper_if_asked();
    if (argc < 4 || argc > 6 || prism_abi() != PRISM_ABI) {
        fputs("usage: host_agent TERMS STATE LISTEN [PLATFORM [PYTHON]]\n", stderr);
        return PRISM_USAGE;
    }
    rc = prism_cancel_new(&cancel, &err);
    if (!rc) signal(SIGINT, on_interrupt);
    if (!rc) signal(SIGTERM, on_interrupt);
    options.state = argv[2];
    options.listen = argv[3];
    options.platform = argc > 4 ? argv[4] : NULL;
    options.python = argc > 5 ? argv[5] : NULL;
    options.cancel = cancel;
    if (!rc) rc = prism_manifest_read(argv[1], &terms, &err);
    if (!rc) rc = serve(terms, &options, &err);
    if (err) fprintf(stderr, "%s: %s\n  hint: %s\n", prism_error_code(err), prism_error_message(err), prism_error_hint(err));
    prism_manifest_free(terms);
    prism_error_free(err);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    prism_cancel_free(cancel);
    return rc;
}
