/* A hospital's part in C++: looks at the machine, sends its data, keeps the receipt, watches until there is a result.
 *
 *   hospital ADDRESS TERMS KEY ASSET FILE RECEIPT
 *
 * ASSET is the name that the terms give it, FILE a file or a folder. Whatever ends this program, Ctrl-C too, the same
 * command goes on: the agent is not sent what it holds already. The exit code is the status of the error.
 */
#include <csignal>
#include <iomanip>
#include <iostream>
#include <prism.hpp>

static const prism_cancel *interrupted = nullptr;

extern "C" void on_interrupt(int) { prism_cancel_request(interrupted); }

static void show(const prism::verdict_view &verdict) {
    if (verdict && verdict.simulated()) std::cout << "SIMULATED, NOT A TEE\n";
    for (const prism::finding &finding : verdict.findings())
        std::cout << (finding.met ? "  ok    " : "  FAIL  ") << finding.code << ": expected " << finding.expected
                  << ", found " << finding.found << "\n";
}

static void on_progress(const prism_upload_state &at) {
    const double all = at.total == 0 ? 1.0 : static_cast<double>(at.total);
    std::cerr << "\rheld by the agent: " << std::fixed << std::setprecision(0)
              << 100.0 * static_cast<double>(at.durable) / all << " %" << std::flush;
}

static prism::flow on_entry(std::uint64_t index, const std::string &state, const std::string &) {
    std::cout << std::setw(4) << index << "  " << state << std::endl;
    return state == "Delivering" ? prism::flow::enough : prism::flow::go_on;
}

static void keep(const prism::receipt &receipt, const std::string &file) {
    try {
        receipt.save(file);
    } catch (const prism::error &error) {
        if (error.code() != "file.exists") throw;
        std::cout << file << " is there already and stays as it is\n";
    }
}

static void take_part(char **argv, const prism::cancel &cancel) {
    prism::connect_options met;
    met.cancel = &cancel;
    met.notice = [](const std::string &text) { std::cerr << "\n" << text << std::endl; };
    const prism::manifest terms = prism::manifest::read(argv[2]);
    const prism::key key = prism::key::load(argv[3]);
    /* Throws unless the machine is genuine and the one that was agreed on: nothing was sent then. */
    const prism::session session = prism::session::connect(argv[1], terms, key, prism::now(), met);
    if (session.simulated()) std::cout << "SIMULATED, NOT A TEE: NO HARDWARE PROTECTS THIS DATA\n";
    std::cout << session.verdict().findings().size() << " conditions hold: the machine is the one that was agreed on\n";
    prism::upload_options sent;
    sent.progress = on_progress;
    const prism::receipt receipt = session.upload_file(argv[4], argv[5], sent);
    std::cerr << "\n";
    keep(receipt, argv[6]);
    std::cout << argv[1] << " holds " << argv[4] << ": log entry " << receipt.index() << std::endl;
    session.watch(0, on_entry);
}

static int told(char **argv, prism::cancel &cancel) {
    try {
        cancel = prism::cancel::make();
        interrupted = cancel.get();
        std::signal(SIGINT, on_interrupt);
        take_part(argv, cancel);
        return PRISM_OK;
    } catch (const prism::error &error) {
        std::cerr << "\n" << error.what() << "\n  hint: " << error.hint() << "\n";
        show(error.verdict());
        if (error.code() == "cancelled") std::cerr << "nothing is lost: the same command goes on\n";
        return error.status();
    } catch (const std::exception &error) {
        std::cerr << error.what() << "\n";
        return PRISM_INTERNAL;
    }
}

int main(int argc, char **argv) {
    if (argc != 7) {
        std::cerr << "usage: hospital ADDRESS TERMS KEY ASSET FILE RECEIPT\n";
        return PRISM_USAGE;
    }
    prism::cancel cancel;
    const int status = told(argv, cancel);
    std::signal(SIGINT, SIG_DFL);
    return status;
}
