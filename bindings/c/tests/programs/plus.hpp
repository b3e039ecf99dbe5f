/* What the programs that try prism.hpp share. */
#ifndef PLUS_HPP
#define PLUS_HPP

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <prism.hpp>
#include <string>

#define CHECK(what) \
    do { \
        if (!(what)) { \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            std::exit(1); \
        } \
    } while (false)
#define REFUSED(code, ...) CHECK(refusal([&] { (void)(__VA_ARGS__); }) == (code))

/* What a callback of ours throws. */
struct boom {
    int number;
};

/* The code of the error that is thrown; what else is thrown by name. */
template <class F> std::string refusal(F work) {
    try {
        work();
    } catch (const prism::error &error) {
        CHECK(error.status() != PRISM_OK && !error.hint().empty() && !error.message().empty());
        CHECK(error.what() == error.code() + ": " + error.message());
        return error.code();
    } catch (const std::invalid_argument &) {
        return "invalid_argument";
    } catch (const boom &) {
        return "boom";
    }
    return "nothing was thrown";
}

inline std::string content(const std::string &file) {
    std::ifstream from(file, std::ios::binary);
    CHECK(from);
    return std::string(std::istreambuf_iterator<char>(from), std::istreambuf_iterator<char>());
}

inline prism::bytes view(const std::string &text) {
    return prism::bytes(reinterpret_cast<const std::uint8_t *>(text.data()), text.size());
}

#endif
