/* Tries what prism.hpp offers with an agent, which it starts by itself. plus.rs compiles and runs it.
 *
 *   plus_live ROOM OTHER WAY
 *
 * ROOM and OTHER are two rooms of room.rs, WAY says how the result is taken: "file" or "memory".
 */
#include "plus.hpp"

#include <thread>

static std::string room, other;

static prism::agent started(const std::string &place, const prism::cancel *cancel = nullptr) {
    prism::agent_options options;
    options.listen = "127.0.0.1:0";
    options.state = place + "/agent";
    options.platform = "simulated";
    options.simulators = place + "/state";
    options.helper = "/proc/self/exe";
    options.cancel = cancel;
    return prism::agent::start(prism::manifest::read(place + "/terms.prism"), options);
}

static prism::connect_options remembering(const prism::cancel *cancel = nullptr) {
    prism::connect_options options;
    options.state = room + "/memory";
    options.cancel = cancel;
    options.retries = -1;
    return options;
}

static prism::session meet(const prism::agent &agent, const std::string &place, const std::string &who,
                           const prism::connect_options &options = remembering()) {
    const prism::manifest terms = prism::manifest::read(place + "/terms.prism");
    const prism::key key = prism::key::load(place + "/" + who + ".key");
    return prism::session::connect(agent.address(), terms, key, prism::now(), options);
}

static void try_attest(const prism::agent &agent) {
    const prism::manifest terms = prism::manifest::read(room + "/terms.prism");
    const prism::verdict verdict = prism::attest(agent.address(), terms, prism::now(), remembering());
    CHECK(verdict.good() && verdict.simulated());
    const prism::manifest others = prism::manifest::read(other + "/terms.prism");
    CHECK(!prism::attest(agent.address(), others, prism::now(), remembering()).good());
    try {
        meet(agent, other, "lab");
        CHECK(false);
    } catch (const prism::error &error) {
        CHECK(error.code() == "evidence.refused" && error.status() == PRISM_NOT_TRUSTED);
        const prism::error copy = error;
        CHECK(error.verdict() && !error.verdict().good() && copy.verdict().get() == error.verdict().get());
        CHECK(copy.verdict().findings().size() > 10);
    }
    const prism::cancel cancel = prism::cancel::make();
    cancel.request();
    REFUSED("cancelled", prism::attest(agent.address(), terms, prism::now(), remembering(&cancel)));
}

static void try_status(const prism::session &session) {
    const prism::status status = session.status();
    CHECK(status.platform() == "simulated" && !status.state().empty() && status.log_size() > 0);
    CHECK(status.results().empty() && status.assets().size() == 3);
    for (const prism::asset_status &asset : status.assets())
        CHECK(!asset.name.empty() && !asset.accepted && asset.size > 0 && asset.durable <= asset.size);
}

static void try_receipt_of(const prism::receipt &receipt, const std::string &asset) {
    CHECK(receipt && receipt.index() > 0 && receipt.entry().find(asset) != std::string::npos);
    receipt.save(room + "/" + asset + ".receipt");
    CHECK(content(room + "/" + asset + ".receipt") == receipt.proof());
    REFUSED("file.exists", receipt.save(room + "/" + asset + ".receipt"));
}

/* Everybody's asset, each in another way. */
static void try_session(const prism::agent &agent) {
    prism::session session;
    session = meet(agent, room, "hospital-1");
    CHECK(session.simulated() && session.participant() == "hospital-1" && session.boot().size() == 32);
    const prism::verdict_view verdict = session.verdict();
    const prism::session moved = std::move(session);
    CHECK(verdict.good() && verdict.text().find("SIMULATED") != std::string::npos);
    CHECK(moved.verdict().get() == verdict.get());
    try_status(moved);
    int heard = 0;
    prism::upload_options options;
    const prism::upload_progress throws_once = [&](const prism_upload_state &) { throw boom{++heard}; };
    options.progress = throws_once;
    REFUSED("boom", moved.upload_file("h1", room + "/h1", options));
    CHECK(heard == 1);
    options.progress = [](const prism_upload_state &) { return prism::flow::cancel; };
    REFUSED("cancelled", moved.upload_file("h1", room + "/h1", options));
    prism_upload_state last = {0, 0, 0, 1};
    options.progress = [&](const prism_upload_state &state) { last = state; };
    options.salt.assign(32, 7);
    REFUSED("usage", moved.upload_file("h1", room + "/h1", options));
    options.salt.assign(31, 7);
    REFUSED("invalid_argument", moved.upload_file("h1", room + "/h1", options));
    options.salt.clear();
    REFUSED("asset.mismatch", moved.upload_file("h1", room + "/h2.csv", options));
    const prism::cancel cancel = prism::cancel::make();
    cancel.request();
    options.cancel = &cancel;
    REFUSED("cancelled", moved.upload_file("h1", room + "/h1", options));
    options.cancel = nullptr;
    try_receipt_of(moved.upload_file("h1", room + "/h1", options), "h1");
    CHECK(last.total > 0 && last.durable == last.total && last.sent == last.total);

    const std::string table = content(room + "/h2.csv");
    const prism::session second = meet(agent, room, "hospital-2");
    const prism::read_at reads = [&](std::uint64_t offset, std::uint8_t *buffer, std::size_t size) {
        const std::size_t count = table.copy(reinterpret_cast<char *>(buffer), size, static_cast<std::size_t>(offset));
        return static_cast<std::int64_t>(count);
    };
    heard = 0;
    const prism::read_at throws = [&](std::uint64_t, std::uint8_t *, std::size_t) -> std::int64_t {
        throw boom{++heard};
    };
    const prism::read_at fails = [](std::uint64_t, std::uint8_t *, std::size_t) { return -1; };
    REFUSED("boom", second.upload_from("h2.csv", table.size(), throws));
    CHECK(heard == 1);
    REFUSED("file.io", second.upload_from("h2.csv", table.size(), fails));
    options.connections = 2;
    options.progress = [&](const prism_upload_state &) { throw boom{0}; };
    REFUSED("boom", second.upload_from("h2.csv", table.size(), reads, options));
    options.progress = nullptr;
    try_receipt_of(second.upload_from("h2.csv", table.size(), reads, options), "h2.csv");

    const std::string program = content(room + "/count.py");
    const prism::session lab = meet(agent, room, "lab");
    options.one_pass = true;
    try_receipt_of(lab.upload_buffer("count.py", view(program), options), "count.py");
    CHECK(lab.upload_buffer("count.py", view(program)).entry().find("count.py") != std::string::npos);
}

/* What is told: the log, the output, the figures. */
static void try_session_streams(const prism::session &session) {
    int heard = 0;
    const prism::entry_heard throws = [&](std::uint64_t, const std::string &, const std::string &) {
        throw boom{++heard};
    };
    REFUSED("boom", session.watch(0, throws));
    CHECK(heard == 1);
    const prism::cancel cancel = prism::cancel::make();
    std::thread impatient;
    /* Another thread ends a call that waits in vain for an entry that nobody writes. */
    REFUSED("cancelled", session.watch(0, [&](std::uint64_t, const std::string &state, const std::string &) {
        if (state == "Delivering" && !impatient.joinable()) impatient = std::thread([&] { cancel.request(); });
    }, &cancel));
    impatient.join();
    std::uint64_t first = 0;
    session.watch(2, [&](std::uint64_t index, const std::string &state, const std::string &entry) {
        CHECK(!state.empty() && entry.find("{") == 0);
        first = first == 0 ? index : first;
        return state == "Delivering" ? prism::flow::enough : prism::flow::go_on;
    });
    CHECK(first == 2);
    std::string printed;
    session.output([&](int stream, const std::string &bytes) {
        CHECK(stream == 1);
        printed += bytes;
    });
    CHECK(printed.find("counted") != std::string::npos);
    const prism::output_heard interrupts = [](int, const std::string &) { throw boom{1}; };
    REFUSED("boom", session.output(interrupts));
    double rows = 0;
    session.figures([&](std::uint64_t, const std::string &name, double value) { rows += name == "rows" ? value : 0; });
    CHECK(rows > 7);
    const prism::figure_heard breaks = [](std::uint64_t, const std::string &, double) { throw boom{1}; };
    REFUSED("boom", session.figures(breaks));
    session.figures([](std::uint64_t, const std::string &, double) { return prism::flow::enough; });
    cancel.request();
    REFUSED("cancelled", session.output([](int, const std::string &) {}, &cancel));
}

static void try_result(const prism::session &session, const std::string &way) {
    prism::result_options options;
    prism::result result;
    options.x25519 = options.keep_receipt = options.keep_sealed = true;
    options.progress = [](std::uint64_t done, std::uint64_t total) {
        if (done == total) throw boom{1};
    };
    const std::string place = room + "/result.zip";
    const prism::result_status waiting = session.status().results().at(0);
    CHECK(waiting.consumer == "institute" && waiting.sealed > 0 && !waiting.acknowledged);
    const auto take = [&] {
        return way == "file" ? session.result_file(place, options) : session.result_memory(place, 1 << 20, options);
    };
    if (way == "memory") REFUSED("usage", session.result_memory(place, 7));
    /* It is taken, or it is left for the next call: what is thrown loses nothing. */
    const std::string thrown = refusal([&] { result = take(); });
    CHECK(thrown == (result ? "nothing was thrown" : "boom"));
    options.progress = nullptr;
    if (!result) result = take();
    const std::string held(result.data().begin(), result.data().end());
    const std::string archive = way == "file" ? content(place) : held;
    CHECK(archive.find("PK") == 0 && archive.size() == result.size());
    CHECK(prism::asset::from_buffer(view(archive)).digest() == result.digest());
    CHECK(way == "memory" || result.data().size() == 0);
    const prism::receipt_view receipt = result.receipt();
    receipt.save(room + "/taken.receipt");
    CHECK(receipt.index() > 0 && !receipt.entry().empty() && !receipt.proof().empty() && result.compared());
    const prism::result moved = std::move(result);
    CHECK(moved.receipt().get() == receipt.get() && !result.receipt() && result.data().size() == 0);
    REFUSED("result.gone", session.result_file(room + "/again.zip"));
}

static void try_agent_start() {
    const prism::manifest terms = prism::manifest::read(other + "/terms.prism");
    prism::agent_options options;
    options.platform = "simulated";
    options.simulators = other + "/state";
    REFUSED("usage", prism::agent::start(terms, options)); /* without a folder of its own */
    options.state = other + "/nowhere";
    options.platform = "azure-snp";
    REFUSED("usage", prism::agent::start(terms, options)); /* without endorsements */
    options.endorsements = other + "/none";
    options.python = other + "/no-python";
    REFUSED("file.missing", prism::agent::start(terms, options));
    options.platform = "simulated";
    REFUSED("file.missing", prism::agent::start(terms, options));
    options.helper = std::string("a\0b", 3);
    REFUSED("invalid_argument", prism::agent::start(terms, options));
}

static void try_agent() {
    const prism::cancel cancel = prism::cancel::make();
    const prism::agent agent = started(other, &cancel);
    CHECK(agent.platform() == "simulated" && agent.address().find("127.0.0.1:") == 0);
    cancel.request();
    REFUSED("cancelled", agent.wait(0));
    cancel.withdraw();
    /* A participant may stop it; then it is over. */
    prism::connect_options options = remembering();
    int told = 0;
    options.retries = 1;
    const prism::notice throws = [&](const std::string &words) {
        CHECK(!words.empty());
        throw boom{++told};
    };
    options.notice = throws;
    const prism::session session = meet(agent, other, "hospital-1", options);
    CHECK(session.stop().index() > 0);
    REFUSED("state.refused", session.stop());
    session.transcript(other + "/run.transcript");
    agent.wait(0);
    agent.stop();
    agent.stop();
    /* Now nobody answers, which is said; what a notice throws is dropped. */
    REFUSED("agent.unreachable", session.status());
    CHECK(told > 0);
}

int main(int argc, char **argv) {
    prism::sandbox_helper_if_asked();
    CHECK(argc == 4);
    room = argv[1];
    other = argv[2];
    const prism::agent agent = started(room);
    try_attest(agent);
    try_session(agent);
    {
        const prism::session institute = meet(agent, room, "institute");
        try_session_streams(institute);
        try_result(institute, argv[3]);
        institute.transcript(room + "/run.transcript");
    }
    agent.stop();
    const prism::manifest terms = prism::manifest::read(room + "/terms.prism");
    prism::audit::file(room + "/run.transcript", terms, prism::now()).require_holds();
    try_agent_start();
    try_agent();
    std::puts("all of it held");
    return 0;
}
