/* Tries what prism.hpp offers without exceptions: handles, out(), failure, and what cannot fail. plus.rs compiles it
 * with -fno-exceptions and runs it.
 *
 *   plus_plain FOLDER MATERIAL
 */
#include <cstdio>
#include <prism.hpp>

#define CHECK(what) \
    do { \
        if (!(what)) { \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            return 1; \
        } \
    } while (false)

#ifdef PRISM_HPP_THROWS
#error "a macro leaks"
#endif

int main(int argc, char **argv) {
    CHECK(argc == 3 && prism::abi_fits() && !prism::version().empty());
    const std::string folder = argv[1], terms_file = std::string(argv[2]) + "/signed.prism";
    prism::failure why;
    prism::key key;
    CHECK(prism_key_load((folder + "/none.key").c_str(), prism::out(key), prism::out(why)) == PRISM_NOT_FOUND);
    CHECK(!key && why && why.code() == "file.missing" && !why.message().empty());
    CHECK(!why.hint().empty() && !why.verdict());
    CHECK(prism_key_generate("ed25519", prism::out(key), prism::out(why)) == PRISM_OK);
    CHECK(key && !why && key.fingerprint().find("sha256:") == 0);
    prism::key moved = std::move(key);
    CHECK(moved && !key);
    prism::manifest terms;
    CHECK(prism_manifest_read(terms_file.c_str(), prism::out(terms), prism::out(why)) == PRISM_OK);
    CHECK(terms.simulated() && terms.participants().size() == 5 && terms.participants()[0].approved);
    CHECK(prism_manifest_approve(terms.get(), moved.get(), prism::out(terms), prism::out(why)) == PRISM_REFUSED);
    CHECK(why.code() == "key.unknown" && terms);
    prism::cancel cancel;
    CHECK(prism_cancel_new(prism::out(cancel), prism::out(why)) == PRISM_OK);
    cancel.request();
    CHECK(cancel.requested());
    prism::session session;
    prism::result result;
    CHECK(!session && !session.verdict() && !result.receipt() && prism::status().assets().empty());
    std::puts("all of it held");
    return 0;
}
