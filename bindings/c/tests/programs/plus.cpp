/* Tries what prism.hpp offers without an agent. plus.rs compiles and runs it, and looks for every method of a class X
 * in a function try_X, here or in plus_live.cpp.
 *
 *   plus FOLDER MATERIAL NOW
 *
 * FOLDER is an empty folder to write into. MATERIAL is what misuse.c is given, with the participants' keys "0.key" to
 * "4.key", the approved "signed.prism" and "run.transcript" beside it; it is good as of the time NOW.
 */
#include "plus.hpp"

#include <sys/stat.h>
#include <type_traits>

static std::string folder, material;
static std::uint64_t then;

static std::string at(const std::string &name) { return folder + "/" + name; }
static std::string given(const std::string &name) { return material + "/" + name; }

template <class H> static void moves_only() {
    static_assert(std::is_nothrow_move_constructible<H>::value && std::is_nothrow_move_assignable<H>::value, "moves");
    static_assert(!std::is_copy_constructible<H>::value && !std::is_copy_assignable<H>::value, "is not copied");
    static_assert(!std::is_convertible<const H &, bool>::value, "is no number");
    H empty;
    CHECK(!empty && empty.get() == nullptr);
}

static void every_handle() {
    moves_only<prism::key>();
    moves_only<prism::public_key>();
    moves_only<prism::manifest>();
    moves_only<prism::asset>();
    moves_only<prism::identity>();
    moves_only<prism::verifier>();
    moves_only<prism::verdict>();
    moves_only<prism::cancel>();
    moves_only<prism::session>();
    moves_only<prism::status>();
    moves_only<prism::receipt>();
    moves_only<prism::result>();
    moves_only<prism::audit>();
    moves_only<prism::agent>();
    moves_only<prism::failure>();
    static_assert(std::is_nothrow_copy_constructible<prism::error>::value, "an exception is copied");
}

static void try_owned() {
    prism::key key = prism::key::generate("ed25519");
    const prism_key *was = key.get();
    prism::key other = std::move(key);
    CHECK(!key && other && other.get() == was && key.fingerprint().empty());
    REFUSED("usage", key.save(at("moved.key")));
    key = std::move(other);
    CHECK(key.get() == was && !other);
    prism_key *made = nullptr;
    CHECK(prism_key_generate("ecdsa-p384", &made, nullptr) == PRISM_OK);
    key.reset(made);
    CHECK(key.get() == made);
    CHECK(prism::key(key.public_half() ? nullptr : made).get() == nullptr);
    key.reset();
    key.reset();
    CHECK(!key);
}

static void try_out() {
    prism::key key;
    prism::failure why;
    CHECK(prism_key_load(at("none.key").c_str(), prism::out(key), prism::out(why)) == PRISM_NOT_FOUND);
    CHECK(!key && why && why.code() == "file.missing");
    /* A success leaves no error of before, a failure the handle of before. */
    CHECK(prism_key_generate("ed25519", prism::out(key), prism::out(why)) == PRISM_OK);
    const std::string was = key.fingerprint();
    CHECK(key && !why && !was.empty());
    CHECK(prism_key_generate("abacus", prism::out(key), prism::out(why)) == PRISM_USAGE);
    CHECK(key.fingerprint() == was && why.code() == "usage");
    CHECK(prism_key_generate("ed25519", prism::out(key), prism::out(why)) == PRISM_OK);
    CHECK(key && key.fingerprint() != was);
    /* The old one is an argument of the call that makes the new one. */
    prism::manifest terms = prism::manifest::read(given("terms.prism"));
    prism::key mine = prism::key::load(given("0.key"));
    CHECK(prism_manifest_approve(terms.get(), mine.get(), prism::out(terms), prism::out(why)) == PRISM_OK);
    CHECK(terms.participants().size() == 5);
    using place = prism::place<prism_key, prism_key_free>;
    static_assert(std::is_same<decltype(prism::out(key)), place>::value, "what C puts a key into");
    static_assert(!std::is_copy_constructible<place>::value, "is for one");
    /* Nobody asked for the handle: nothing is put anywhere. */
    prism::out(key);
    CHECK(key);
}

static void try_failure() {
    prism::failure why;
    CHECK(!why && why.code().empty() && why.message().empty() && why.hint().empty() && !why.verdict());
    CHECK(prism_manifest_read(at("none").c_str(), nullptr, prism::out(why)) == PRISM_USAGE);
    CHECK(why.code() == "usage" && !why.message().empty() && !why.hint().empty() && !why.verdict());
}

static void try_error() {
    std::exception_ptr kept;
    try {
        prism::manifest::read(at("none"));
        CHECK(false);
    } catch (const prism::error &error) {
        CHECK(error.status() == PRISM_NOT_FOUND && error.code() == "file.missing" && !error.verdict());
        CHECK(error.message().find("none") != std::string::npos && !error.hint().empty());
        const prism::error copy = error;
        CHECK(copy.code() == error.code() && std::string(copy.what()) == error.what());
        kept = std::current_exception();
    }
    try {
        std::rethrow_exception(kept);
    } catch (const std::runtime_error &error) {
        CHECK(std::string(error.what()).find("file.missing: ") == 0);
    }
    prism::require_abi();
    CHECK(prism::abi_fits() && !prism::version().empty() && prism::now() > 1700000000u);
    const std::string zero("a\0b", 3);
    REFUSED("invalid_argument", prism::key::load(zero));
    REFUSED("invalid_argument", prism::seal(at("a"), {zero}, at("b")));
    REFUSED("usage", prism::key::load(""));
}

static void try_bytes() {
    const std::vector<std::uint8_t> some = {1, 2, 3}, none;
    const prism::bytes all = some;
    CHECK(all.size() == 3 && std::vector<std::uint8_t>(all.begin(), all.end()) == some);
    CHECK(prism::bytes(none).size() == 0 && prism::bytes(nullptr, 0).begin() == prism::bytes(nullptr, 0).end());
}

static void try_key() {
    prism::key key = prism::key::generate("ecdsa-p256");
    key.save(at("a.key"));
    REFUSED("file.exists", key.save(at("a.key")));
    REFUSED("file.missing", prism::key::load(at("b.key")));
    REFUSED("usage", prism::key::generate("abacus"));
    CHECK(prism::key::load(at("a.key")).fingerprint() == key.fingerprint());
    CHECK(key.public_half().fingerprint() == key.fingerprint());
}

static void try_public_key() {
    prism::public_key half = prism::key::load(at("a.key")).public_half();
    CHECK(half.kind() == "ecdsa-p256" && half.fingerprint().find("sha256:") == 0);
    half.save(at("a.pub"));
    REFUSED("file.exists", half.save(at("a.pub")));
    CHECK(prism::public_key::load(at("a.pub")).pem() == half.pem());
    CHECK(prism::public_key::from_pem(half.pem()).fingerprint() == half.fingerprint());
    REFUSED("key.malformed", prism::public_key::from_pem("x"));
    REFUSED("file.missing", prism::public_key::load(at("b.pub")));
}

static void try_manifest() {
    const prism::manifest terms = prism::manifest::read(given("signed.prism"));
    const std::string bytes = content(given("signed.prism"));
    CHECK(prism::manifest::from_buffer(view(bytes)).digest() == terms.digest());
    REFUSED("manifest.malformed", prism::manifest::from_buffer({nullptr, 0}));
    CHECK(terms.simulated() && !terms.words().empty() && terms.card().find("<") != std::string::npos);
    terms.require_approved();
    CHECK(terms.participants().size() == 5);
    for (const prism::participant &who : terms.participants()) CHECK(who.approved && !who.name.empty());
    const std::string json = terms.json();
    const prism::manifest bare = prism::manifest::from_buffer(view(json));
    CHECK(bare.digest() == terms.digest() && !bare.participants()[0].approved);
    REFUSED("manifest.approval-missing", bare.require_approved());
    std::vector<prism::manifest> approvals;
    for (int i = 0; i < 5; i++) {
        const std::string file = given(std::to_string(i) + ".key");
        approvals.push_back(bare.approve(prism::key::load(file)));
    }
    REFUSED("key.unknown", bare.approve(prism::key::generate("ed25519")));
    const prism::manifest whole = bare.assemble(approvals);
    whole.require_approved();
    whole.save(at("whole.prism"));
    REFUSED("file.exists", whole.save(at("whole.prism")));
    CHECK(prism::manifest::read(at("whole.prism")).digest() == terms.digest());
    approvals.pop_back();
    REFUSED("manifest.approval-missing", bare.assemble(approvals));
    CHECK(!prism::manifest().participants().size() && prism::manifest().simulated());
}

static void try_asset() {
    std::ofstream(at("big")) << std::string(3 * 256 * 1024, 'x');
    int heard = 0;
    const prism::asset all = prism::asset::measure(at("big"), [&](std::uint64_t done, std::uint64_t total) {
        CHECK(done <= total);
        heard++;
    });
    CHECK(all.size() == 3 * 256 * 1024 && heard == 3);
    const std::string bytes = content(at("big"));
    CHECK(prism::asset::from_buffer(view(bytes)).digest() == all.digest());
    CHECK(prism::asset::measure(at("big")).digest() == all.digest());
    /* What a callback throws comes out of the call, which calls it no more. */
    heard = 0;
    try {
        prism::asset::measure(at("big"), [&](std::uint64_t, std::uint64_t) { throw boom{++heard}; });
        CHECK(false);
    } catch (const boom &thrown) {
        CHECK(thrown.number == 1 && heard == 1);
    }
    const auto cancels = [](std::uint64_t, std::uint64_t) { return prism::flow::cancel; };
    REFUSED("cancelled", prism::asset::measure(at("big"), cancels));
    REFUSED("file.missing", prism::asset::measure(at("none"), cancels));
}

static void try_callback() {
    const prism::progress none, null = nullptr;
    CHECK(!none && !null);
    const prism::progress ends = [](std::uint64_t done, std::uint64_t) {
        return done > 1 ? prism::flow::enough : prism::flow::go_on;
    };
    const prism::progress again = ends;
    CHECK(again && again(1, 2) == prism::flow::go_on && again(2, 2) == prism::flow::enough);
    REFUSED("cancelled", prism::asset::measure(at("big"), ends));
    int calls = 0;
    const prism::progress counts = [&calls](std::uint64_t, std::uint64_t) { calls++; };
    CHECK(counts(0, 0) == prism::flow::go_on && calls == 1);
}

static int succeeds(prism_result **, prism_error **) { return PRISM_OK; }

/* A call that was complete when its callback threw: what cannot be had again is returned, all else thrown. */
static void a_callback_that_throws_too_late() {
    const auto throws = []() -> prism::flow { throw boom{1}; };
    prism::detail::border kept, thrown;
    CHECK(kept.heed(throws) == -1 && thrown.heed(throws) == -1);
    REFUSED("nothing was thrown", kept.make<prism::result>(true, succeeds));
    REFUSED("boom", thrown.make<prism::result>(false, succeeds));
}

static void try_identity() {
    const prism::identity mine = prism::identity::generate("hybrid"), other = prism::identity::generate("x25519");
    mine.save(at("a.identity"));
    REFUSED("file.exists", mine.save(at("a.identity")));
    REFUSED("usage", prism::identity::generate("abacus"));
    CHECK(prism::identity::load(at("a.identity")).recipient() == mine.recipient());
    int heard = 0;
    const auto counts = [&](std::uint64_t, std::uint64_t) { heard++; };
    const auto throws = [&](std::uint64_t, std::uint64_t) { throw boom{++heard}; };
    const prism::asset sealed = prism::seal(at("big"), {mine.recipient()}, at("big.age"), counts);
    CHECK(heard > 0 && sealed.size() > 3 * 256 * 1024);
    const prism::asset opened = prism::open(at("big.age"), mine, at("big.again"), counts);
    CHECK(opened.digest() == prism::asset::measure(at("big")).digest());
    REFUSED("seal.not-for-you", prism::open(at("big.age"), other, at("big.other")));
    REFUSED("file.exists", prism::seal(at("big"), {mine.recipient()}, at("big.age")));
    REFUSED("usage", prism::seal(at("big"), {}, at("none.age")));
    heard = 0;
    REFUSED("boom", prism::seal(at("big"), {mine.recipient()}, at("boom.age"), throws));
    CHECK(heard == 1);
    REFUSED("boom", prism::open(at("big.age"), mine, at("boom"), throws));
    CHECK(heard == 2);
}

static void try_cancel() {
    const prism::cancel cancel = prism::cancel::make();
    CHECK(!cancel.requested());
    cancel.request();
    CHECK(cancel.requested());
    cancel.withdraw();
    CHECK(!cancel.requested() && !prism::cancel().requested());
}

static void try_verifier() {
    const prism::verifier verifier = prism::verifier::make();
    const std::string report = content(given("report.bin")), vendor = content(given("endorsements.json"));
    const std::string policy = content(given("policy.toml")), data = content(given("report-data.bin"));
    REFUSED("usage", verifier.judge(then));
    verifier.evidence("simulated", view(report));
    verifier.evidence_file("simulated", given("report.bin"));
    verifier.endorsements(view(vendor));
    verifier.endorsements_file(given("endorsements.json"));
    verifier.policy(view(policy));
    verifier.policy_file(given("policy.toml"));
    REFUSED("policy.malformed", verifier.policy(view(report)));
    REFUSED("usage", verifier.judge(then));
    verifier.unbound();
    CHECK(verifier.judge(then).good());
    REFUSED("usage", verifier.report_data({view(data).begin(), 63}));
    verifier.report_data(view(data));
    CHECK(verifier.judge(then).good());
}

static prism::verdict judged(std::uint64_t when) {
    const prism::verifier verifier = prism::verifier::make();
    verifier.evidence_file("simulated", given("report.bin"));
    verifier.endorsements_file(given("endorsements.json"));
    verifier.policy_file(given("policy.toml"));
    verifier.unbound();
    return verifier.judge(when);
}

static void try_verdict_of() {
    const prism::verdict good = judged(then), bad = judged(1);
    CHECK(good.good() && good.simulated() && !bad.good());
    good.require_good();
    REFUSED("evidence.refused", bad.require_good());
    CHECK(good.text().find("SIMULATED") != std::string::npos && bad.text().find("FAIL") != std::string::npos);
    CHECK(good.json().find("{") == 0 && good.card().find("<") != std::string::npos);
    std::size_t unmet = 0;
    for (const prism::finding &finding : bad.findings()) {
        CHECK(!finding.code.empty() && !finding.stage.empty() && !finding.expected.empty() && !finding.found.empty());
        unmet += !finding.met;
    }
    CHECK(unmet > 0 && good.findings().size() > 10 && prism::verdict().findings().empty());
}

static void try_borrowed() {
    const prism::verdict good = judged(then);
    const prism::verdict_view none, view(good.get()), copy = view;
    CHECK(!none && none.get() == nullptr && none.findings().empty() && !none.good());
    CHECK(copy && copy.get() == good.get() && copy.good() && copy.text() == good.text());
    view.require_good();
}

static void try_audit() {
    const prism::manifest terms = prism::manifest::read(given("terms.prism"));
    const std::string bytes = content(given("run.transcript"));
    const prism::audit good = prism::audit::file(given("run.transcript"), terms, then);
    CHECK(good.holds() && prism::audit::from_buffer(view(bytes), prism::manifest(), then).holds());
    good.require_holds();
    CHECK(!good.text().empty() && good.json().find("{") == 0 && good.card().find("<") != std::string::npos);
    for (const prism::audit_finding &finding : good.findings())
        CHECK(finding.kept && !finding.rule.empty() && !finding.place.empty() && !finding.found.empty());
    const prism::audit bad = prism::audit::from_buffer(view("{}"), terms, then);
    CHECK(!bad.holds() && !bad.findings().at(0).kept);
    REFUSED("audit.failed", bad.require_holds());
    REFUSED("file.missing", prism::audit::file(at("none"), terms, then));
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    folder = argv[1];
    material = argv[2];
    then = std::stoull(argv[3]);
    every_handle();
    try_owned();
    try_out();
    try_failure();
    try_error();
    try_bytes();
    try_key();
    try_public_key();
    try_manifest();
    try_asset();
    try_callback();
    a_callback_that_throws_too_late();
    try_identity();
    try_cancel();
    try_verifier();
    try_verdict_of();
    try_borrowed();
    try_audit();
    std::puts("all of it held");
    return 0;
}
