/*
 * Prism for C++11 and later: the handles of prism.h as classes that free them, its errors as exceptions.
 *
 * - A handle can be moved, not copied. get() gives it to every function of prism.h and stays the owner: C frees nothing
 *   that is const. A moved or default handle is empty: C then says "usage" or gives its neutral value.
 * - Methods that fail throw prism::error. Texts come as std::string, copied; text that goes in with a zero byte in it,
 *   and a salt of another size than 32, are std::invalid_argument. All else is as the contract of prism.h says.
 * - A view (verdict_view, receipt_view, bytes) looks at a part of a handle, is never freed, and ends with that handle.
 * - Callbacks return nothing or a prism::flow. What one throws ends the call, whose later callbacks are not called any
 *   more, and is thrown by the call; it never crosses C. A result that is there all the same is returned instead.
 * - PRISM_ABI is compared with the library before every call that can throw.
 * - Without exceptions (-fno-exceptions) there are the handles, the methods that cannot fail, out() and failure:
 *
 *       prism::key key;
 *       prism::failure why;
 *       if (prism_key_load("hospital-1.key", prism::out(key), prism::out(why))) puts(why.message().c_str());
 *
 *   abi_fits() is then yours to ask. Compile all parts of one program the same way.
 */
#ifndef PRISM_HPP
#define PRISM_HPP

#include "prism.h"

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define PRISM_HPP_THROWS
#include <exception>
#include <functional>
#include <stdexcept>
#include <type_traits>
#endif

namespace prism {

/** Whether the library keeps the contract that this header was written for. */
inline bool abi_fits() noexcept { return prism_abi() == PRISM_ABI; }
/** The library's version, such as "0.1.0". */
inline std::string version() { return prism_version(); }
/** Seconds since 1970 UTC, for whatever asks for a time. */
inline std::uint64_t now() noexcept { return static_cast<std::uint64_t>(std::time(nullptr)); }
/** Has to be called first thing in `main` of a program that starts an agent. */
inline void sandbox_helper_if_asked() noexcept { prism_sandbox_helper_if_asked(); }

/** Bytes that belong to somebody else, who keeps them for as long as they are looked at. */
class bytes {
    const std::uint8_t *data_;
    std::size_t size_;

  public:
    /** `size` bytes from `data` on. */
    bytes(const std::uint8_t *data, std::size_t size) noexcept : data_(data), size_(size) {}
    /** All of a vector. */
    bytes(const std::vector<std::uint8_t> &all) noexcept : data_(all.data()), size_(all.size()) {}
    /** The first of them. */
    const std::uint8_t *begin() const noexcept { return data_; }
    /** Behind the last of them. */
    const std::uint8_t *end() const noexcept { return size_ == 0 ? data_ : data_ + size_; }
    /** How many there are. */
    std::size_t size() const noexcept { return size_; }
};

/** What owns a handle of C. It frees it once. */
template <class T, void (*Free)(T *)> class owned {
    struct freeing {
        void operator()(T *handle) const noexcept { Free(handle); }
    };
    std::unique_ptr<T, freeing> handle_;

  public:
    /** Empty. */
    owned() noexcept {}
    /** Takes what a function of C made: nobody else frees it from now on. */
    explicit owned(T *made) noexcept : handle_(made) {}
    /** The handle, for functions of C; NULL when this is empty. */
    const T *get() const noexcept { return handle_.get(); }
    /** Whether there is a handle. */
    explicit operator bool() const noexcept { return get() != nullptr; }
    /** Frees the handle before its time, and takes another one. */
    void reset(T *made = nullptr) noexcept { handle_.reset(made); }
};

/** What looks at a part of another handle. */
template <class T> class borrowed {
    const T *part_;

  public:
    /** Looks at nothing. */
    borrowed() noexcept : part_(nullptr) {}
    /** Looks at what a function of C lent. */
    explicit borrowed(const T *part) noexcept : part_(part) {}
    /** The part, for functions of C; NULL when there is none. */
    const T *get() const noexcept { return part_; }
    /** Whether there is such a part. */
    explicit operator bool() const noexcept { return part_ != nullptr; }
};

/** A place for C to put a handle into, until the end of the statement; out() makes it. */
template <class T, void (*Free)(T *)> class place {
    owned<T, Free> *owner_;
    T *made_;

  public:
    /** For what owns the handle then. */
    explicit place(owned<T, Free> &owner) noexcept : owner_(&owner), made_(nullptr) {}
    /** The other one puts nothing any more. */
    place(place &&that) noexcept : owner_(that.owner_), made_(that.made_) { that.made_ = nullptr; }
    /** Gives the handle to its owner, if C made one. */
    ~place() { if (made_ != nullptr) owner_->reset(made_); }
    /** What C takes. */
    operator T **() noexcept { return &made_; }
};

/** The place for what a function of C makes. At the end of the statement the owner has it, and what it had is freed; if
 *  the function failed, the owner keeps what it has. */
template <class T, void (*Free)(T *)> place<T, Free> out(owned<T, Free> &owner) noexcept {
    return place<T, Free>(owner);
}

namespace detail {
inline std::string text(const char *given) { return given == nullptr ? std::string() : std::string(given); }
} // namespace detail

template <class Base> class verdict_of;
/** The verdict that a session or an error has. */
using verdict_view = verdict_of<borrowed<prism_verdict>>;

/** What went wrong, of functions of C. */
class failure : public owned<prism_error, prism_error_free> {
  public:
    using owned::owned;
    /** Its stable code, such as "key.exposed". */
    std::string code() const { return detail::text(prism_error_code(get())); }
    /** What was expected and what was found. */
    std::string message() const { return detail::text(prism_error_message(get())); }
    /** What to do now. */
    std::string hint() const { return detail::text(prism_error_hint(get())); }
    /** Every finding, when a machine was refused. */
    inline verdict_view verdict() const &;
    verdict_view verdict() && = delete;
};

/** The place for an error. What was there is freed at once: after a success there is none. */
inline place<prism_error, prism_error_free> out(failure &why) noexcept {
    why.reset();
    return place<prism_error, prism_error_free>(why);
}

#ifdef PRISM_HPP_THROWS
/** What went wrong, as it is thrown. Copies share it. */
class error : public std::runtime_error {
    int status_;
    std::shared_ptr<const failure> why_;

  public:
    /** Of a call that returned `status`. */
    error(int status, failure why)
        : std::runtime_error(why.code() + ": " + why.message()), status_(status),
          why_(std::make_shared<const failure>(std::move(why))) {}
    /** Who has to act: PRISM_INTERNAL to PRISM_RUN_FAILED. */
    int status() const noexcept { return status_; }
    /** The stable code, such as "key.exposed". */
    std::string code() const { return why_->code(); }
    /** What was expected and what was found; what() has the code before it. */
    std::string message() const { return why_->message(); }
    /** What to do now. */
    std::string hint() const { return why_->hint(); }
    /** Every finding, when a machine was refused; until the last copy of this error ends. */
    inline verdict_view verdict() const;
};

/** Throws std::runtime_error unless the library keeps this header's contract. Calls that can throw ask it first. */
inline void require_abi() {
    if (abi_fits()) return;
    throw std::runtime_error("expected libprism with the contract " + std::to_string(PRISM_ABI) + ", found one with " +
                             std::to_string(prism_abi()) + ": compile this program with the header of that library");
}

/** What a callback wants: the call to go on; to have heard enough; to end it with the error "cancelled". In calls that
 *  only tell how far they are, enough is as cancel. */
enum class flow { cancel = -1, go_on = 0, enough = 1 };

namespace detail {
template <class F, class... A> flow answer(std::true_type, F &call, A... a) {
    call(a...);
    return flow::go_on;
}
template <class F, class... A> flow answer(std::false_type, F &call, A... a) { return call(a...); }
} // namespace detail

/** Any callable that returns nothing or a flow; nullptr for none. */
template <class... A> class callback {
    std::function<flow(A...)> call_;

  public:
    /** None. */
    callback(std::nullptr_t = nullptr) {}
    /** Holds a copy of the callable. */
    template <class F, class R = decltype(std::declval<F &>()(std::declval<A>()...))>
    callback(F call)
        : call_([call](A... a) mutable { return detail::answer<F, A...>(std::is_void<R>(), call, a...); }) {
        static_assert(std::is_void<R>::value || std::is_same<R, flow>::value, "expected nothing or a prism::flow");
    }
    /** Whether there is one. */
    explicit operator bool() const noexcept { return static_cast<bool>(call_); }
    /** Calls it. */
    flow operator()(A... a) const { return call_(a...); }
};

/** Hears how far a call is, in bytes; the total is 0 where it is not known. */
using progress = callback<std::uint64_t, std::uint64_t>;
/** Hears how far an upload is. */
using upload_progress = callback<const prism_upload_state &>;
/** Hears an entry of the log: its index, the run's state after it, its JSON. */
using entry_heard = callback<std::uint64_t, const std::string &, const std::string &>;
/** Hears what the program prints: 1 or 2 for its standard output or error, and the bytes. */
using output_heard = callback<int, const std::string &>;
/** Hears a figure that the program prints: its step or PRISM_NO_STEP, its name, its value. */
using figure_heard = callback<std::uint64_t, const std::string &, double>;
/** Puts up to `size` bytes from `offset` on into `buffer` and returns how many; below 0 when that fails. */
using read_at = std::function<std::int64_t(std::uint64_t offset, std::uint8_t *buffer, std::size_t size)>;
/** Hears, for people, of broken connections. It ends no call: what it throws is dropped. */
using notice = std::function<void(const std::string &)>;

namespace detail {
inline const char *c(const std::string &given) {
    if (given.find('\0') != std::string::npos) throw std::invalid_argument("expected text without a zero byte");
    return given.c_str();
}
template <class T, void (*Free)(T *)> const T *c(const owned<T, Free> &handle) noexcept { return handle.get(); }
template <class A> typename std::enable_if<!std::is_class<A>::value, A>::type c(A plain) noexcept { return plain; }
inline const char *or_null(const std::string &given) { return given.empty() ? nullptr : c(given); }

/* Around one call of C: nothing that a callback throws gets past it. */
class border {
    failure why_;
    std::exception_ptr thrown_;
    int ended_ = 0;

    void end(int status, bool keep) {
        if (thrown_ && (status != PRISM_OK || !keep)) std::rethrow_exception(thrown_);
        if (status != PRISM_OK) throw error(status, std::move(why_));
    }

  public:
    border() { require_abi(); }
    template <class... P, class... A> void call(int (*function)(P...), const A &...a) {
        const int status = function(c(a)..., out(why_));
        end(status, false);
    }
    template <class H, class... P, class... A> H make(bool keep, int (*function)(P...), const A &...a) {
        H made;
        const int status = function(c(a)..., out(made), out(why_));
        end(status, keep);
        return made;
    }
    template <class F> int heed(const F &work) noexcept {
        if (ended_ != 0) return ended_;
        try {
            ended_ = static_cast<int>(work());
        } catch (...) {
            thrown_ = std::current_exception();
            ended_ = -1;
        }
        return ended_;
    }
};

template <class... P, class... A> void call(int (*function)(P...), const A &...a) { border().call(function, a...); }
template <class H, class... P, class... A> H make(int (*function)(P...), const A &...a) {
    return border().template make<H>(false, function, a...);
}

/* A callback and the border of its call: the `user` of C. */
template <class F> struct hearing {
    const F *call;
    border *where;
};
template <class F> hearing<F> &as(void *user) noexcept { return *static_cast<hearing<F> *>(user); }
inline int on_progress(void *user, std::uint64_t done, std::uint64_t total) noexcept {
    return as<progress>(user).where->heed([=] { return (*as<progress>(user).call)(done, total); });
}
inline int on_upload(void *user, const prism_upload_state *at) noexcept {
    return as<upload_progress>(user).where->heed([=] { return (*as<upload_progress>(user).call)(*at); });
}
inline int on_entry(void *user, std::uint64_t index, const char *state, const char *entry) noexcept {
    return as<entry_heard>(user).where->heed(
        [=] { return (*as<entry_heard>(user).call)(index, text(state), text(entry)); });
}
inline int on_output(void *user, int stream, const std::uint8_t *data, std::size_t size) noexcept {
    return as<output_heard>(user).where->heed(
        [=] { return (*as<output_heard>(user).call)(stream, std::string(data, data + size)); });
}
inline int on_figure(void *user, std::uint64_t step, const char *name, double value) noexcept {
    return as<figure_heard>(user).where->heed([=] { return (*as<figure_heard>(user).call)(step, text(name), value); });
}
inline std::int64_t on_read(void *user, std::uint64_t offset, std::uint8_t *buffer, std::size_t size) noexcept {
    std::int64_t came = -1;
    as<read_at>(user).where->heed([&] {
        came = (*as<read_at>(user).call)(offset, buffer, size);
        return flow::go_on;
    });
    return came;
}
inline void on_notice(void *user, const char *words) noexcept {
    try {
        (*static_cast<const notice *>(user))(text(words));
    } catch (...) {
    }
}
} // namespace detail
#endif

/** One condition that was looked at. */
struct finding {
    bool met;             /**< Whether it holds. */
    std::string code;     /**< Its stable code. */
    std::string stage;    /**< The stage of the judgement that it belongs to. */
    std::string expected; /**< What it expected. */
    std::string found;    /**< What was found. */
};

/** What a verdict says, owned or lent. */
template <class Base> class verdict_of : public Base {
  public:
    using Base::Base;
    /** Whether every condition holds. */
    bool good() const noexcept { return prism_verdict_good(this->get()); }
    /** Whether the machine is simulated and protects nothing. */
    bool simulated() const noexcept { return prism_verdict_simulated(this->get()); }
    /** For people, one line for each condition. */
    std::string text() const { return detail::text(prism_verdict_text(this->get())); }
    /** One JSON object with stable names. */
    std::string json() const { return detail::text(prism_verdict_json(this->get())); }
    /** A card in HTML. */
    std::string card() const { return detail::text(prism_verdict_card(this->get())); }
    /** Every condition, met or not. */
    std::vector<finding> findings() const {
        const prism_verdict *of = this->get();
        std::vector<finding> all;
        for (std::size_t i = 0; i < prism_verdict_findings(of); i++)
            all.push_back({prism_verdict_finding_met(of, i), detail::text(prism_verdict_finding_code(of, i)),
                           detail::text(prism_verdict_finding_stage(of, i)),
                           detail::text(prism_verdict_finding_expected(of, i)),
                           detail::text(prism_verdict_finding_found(of, i))});
        return all;
    }
#ifdef PRISM_HPP_THROWS
    /** Throws "evidence.refused" unless every condition holds. */
    void require_good() const { detail::call(prism_verdict_require_good, this->get()); }
#endif
};
/** A verdict of one's own. */
using verdict = verdict_of<owned<prism_verdict, prism_verdict_free>>;

inline verdict_view failure::verdict() const & { return verdict_view(prism_error_verdict(get())); }
#ifdef PRISM_HPP_THROWS
inline verdict_view error::verdict() const { return why_->verdict(); }
#endif

/** What an agent's signed word says, owned or lent. */
template <class Base> class receipt_of : public Base {
  public:
    using Base::Base;
    /** Which entry of the log it is, counted from 0. */
    std::uint64_t index() const noexcept { return prism_receipt_index(this->get()); }
    /** What was logged: JSON, the exact text. */
    std::string entry() const { return detail::text(prism_receipt_entry(this->get())); }
    /** The proof, a C2SP tlog-proof. */
    std::string proof() const { return detail::text(prism_receipt_proof(this->get())); }
#ifdef PRISM_HPP_THROWS
    /** Writes a new file with the proof. */
    void save(const std::string &file) const { detail::call(prism_receipt_save, this->get(), file); }
#endif
};
/** A receipt of one's own. */
using receipt = receipt_of<owned<prism_receipt, prism_receipt_free>>;
/** The receipt that a result has. */
using receipt_view = receipt_of<borrowed<prism_receipt>>;

/** Ends calls that wait. */
class cancel : public owned<prism_cancel, prism_cancel_free> {
  public:
    using owned::owned;
    /** Ends every call that has it and waits; also in a signal handler. */
    void request() const noexcept { prism_cancel_request(get()); }
    /** Lets calls wait again; also in a signal handler. (reset() is that of every handle.) */
    void withdraw() const noexcept { prism_cancel_reset(get()); }
    /** Whether calls that have it end; also in a signal handler. */
    bool requested() const noexcept { return prism_cancel_requested(get()); }
#ifdef PRISM_HPP_THROWS
    /** Makes one. */
    static cancel make() { return detail::make<cancel>(prism_cancel_new); }
#endif
};

/** A participant's public key. */
class public_key : public owned<prism_public_key, prism_public_key_free> {
  public:
    using owned::owned;
    /** PEM text. */
    std::string pem() const { return detail::text(prism_public_key_pem(get())); }
    /** "sha256:" and 64 hex digits. */
    std::string fingerprint() const { return detail::text(prism_public_key_fingerprint(get())); }
    /** "ed25519", "ecdsa-p256" or "ecdsa-p384". */
    std::string kind() const { return detail::text(prism_public_key_kind(get())); }
#ifdef PRISM_HPP_THROWS
    /** Reads a public key, or the public half of a private one. */
    static public_key load(const std::string &file) { return detail::make<public_key>(prism_public_key_load, file); }
    /** Reads PEM text. */
    static public_key from_pem(const std::string &pem) {
        return detail::make<public_key>(prism_public_key_from_pem, pem);
    }
    /** Writes a new file. */
    void save(const std::string &file) const { detail::call(prism_public_key_save, get(), file); }
#endif
};

/** A participant's private key, wiped from memory when it is freed. */
class key : public owned<prism_key, prism_key_free> {
  public:
    using owned::owned;
    /** The fingerprint of its public half. */
    std::string fingerprint() const { return detail::text(prism_key_fingerprint(get())); }
#ifdef PRISM_HPP_THROWS
    /** Makes a new one: "ed25519", "ecdsa-p256" or "ecdsa-p384". */
    static key generate(const std::string &kind) { return detail::make<key>(prism_key_generate, kind); }
    /** Reads a file that only its owner can read. */
    static key load(const std::string &file) { return detail::make<key>(prism_key_load, file); }
    /** Writes a new file that only its owner can read. */
    void save(const std::string &file) const { detail::call(prism_key_save, get(), file); }
    /** The key that others may have. */
    public_key public_half() const { return detail::make<public_key>(prism_key_public, get()); }
#endif
};

/** One participant of a manifest. */
struct participant {
    std::string name; /**< As the manifest names it. */
    bool approved;    /**< Whether its approval is there and holds. */
};

/** The terms of a computation, approved by nobody, by some or by everybody. */
class manifest : public owned<prism_manifest, prism_manifest_free> {
  public:
    using owned::owned;
    /** What one has to know before approving, in plain words. */
    std::string words() const { return detail::text(prism_manifest_words(get())); }
    /** The exact text that participants approve. */
    std::string json() const { return detail::text(prism_manifest_json(get())); }
    /** A card in HTML. */
    std::string card() const { return detail::text(prism_manifest_card(get())); }
    /** The computation's name: "sha256:" and 64 hex digits. */
    std::string digest() const { return detail::text(prism_manifest_digest(get())); }
    /** Whether the terms accept a machine that is simulated and protects nothing. */
    bool simulated() const noexcept { return prism_manifest_simulated(get()); }
    /** Everybody who has to approve, in the manifest's order. */
    std::vector<participant> participants() const {
        std::vector<participant> all;
        for (std::size_t i = 0; i < prism_manifest_participants(get()); i++)
            all.push_back({detail::text(prism_manifest_participant(get(), i)), prism_manifest_approved(get(), i)});
        return all;
    }
#ifdef PRISM_HPP_THROWS
    /** Reads a manifest, with or without approvals. */
    static manifest read(const std::string &file) { return detail::make<manifest>(prism_manifest_read, file); }
    /** As read(), from memory. */
    static manifest from_buffer(bytes data) {
        return detail::make<manifest>(prism_manifest_from_buffer, data.begin(), data.size());
    }
    /** Writes a new file. */
    void save(const std::string &file) const { detail::call(prism_manifest_save, get(), file); }
    /** Throws unless everybody's approval is there and holds, and nobody else's. */
    void require_approved() const { detail::call(prism_manifest_require_approved, get()); }
    /** The approval of whoever has the key. */
    manifest approve(const key &who) const { return detail::make<manifest>(prism_manifest_approve, get(), who); }
    /** This manifest with everybody's approval. */
    manifest assemble(const std::vector<manifest> &approvals) const {
        std::vector<const prism_manifest *> all;
        for (const manifest &approval : approvals) all.push_back(approval.get());
        return detail::make<manifest>(prism_manifest_assemble, get(), all.data(), all.size());
    }
#endif
};

/** What an asset's bytes are. */
class asset : public owned<prism_asset, prism_asset_free> {
  public:
    using owned::owned;
    /** "sha256:" and 64 hex digits. */
    std::string digest() const { return detail::text(prism_asset_digest(get())); }
    /** The number of bytes. */
    std::uint64_t size() const noexcept { return prism_asset_size(get()); }
#ifdef PRISM_HPP_THROWS
    /** Of a file, or of a folder's canonical archive. */
    static asset measure(const std::string &file, const progress &tell = nullptr) {
        detail::border where;
        detail::hearing<progress> user = {&tell, &where};
        return where.make<asset>(false, prism_asset_measure, file, tell ? detail::on_progress : nullptr, &user);
    }
    /** Of bytes in memory. */
    static asset from_buffer(bytes data) {
        return detail::make<asset>(prism_asset_from_buffer, data.begin(), data.size());
    }
#endif
};

/** What opens sealed files, wiped from memory when it is freed. */
class identity : public owned<prism_identity, prism_identity_free> {
  public:
    using owned::owned;
    /** Whom files are sealed to that this opens. */
    std::string recipient() const { return detail::text(prism_identity_recipient(get())); }
#ifdef PRISM_HPP_THROWS
    /** Makes a new one: "hybrid" or "x25519". */
    static identity generate(const std::string &kind) { return detail::make<identity>(prism_identity_generate, kind); }
    /** Reads a file that only its owner can read. */
    static identity load(const std::string &file) { return detail::make<identity>(prism_identity_load, file); }
    /** Writes a new file that only its owner can read. */
    void save(const std::string &file) const { detail::call(prism_identity_save, get(), file); }
#endif
};

/** What a verdict needs: evidence, endorsements, a policy, and what the signed bytes have to stand for. */
class verifier : public owned<prism_verifier, prism_verifier_free> {
  public:
    using owned::owned;
#ifdef PRISM_HPP_THROWS
    /** Makes one that was given nothing yet. */
    static verifier make() { return detail::make<verifier>(prism_verifier_new); }
    /** Takes what a machine of the platform, such as "snp", signed. */
    void evidence(const std::string &platform, bytes data) const {
        detail::call(prism_verifier_evidence, get(), platform, data.begin(), data.size());
    }
    /** As evidence(), from a file. */
    void evidence_file(const std::string &platform, const std::string &file) const {
        detail::call(prism_verifier_evidence_file, get(), platform, file);
    }
    /** Takes what the vendor vouches for. */
    void endorsements(bytes data) const { detail::call(prism_verifier_endorsements, get(), data.begin(), data.size()); }
    /** As endorsements(), from a file. */
    void endorsements_file(const std::string &file) const {
        detail::call(prism_verifier_endorsements_file, get(), file);
    }
    /** Takes what is accepted, in TOML or JSON. */
    void policy(bytes data) const { detail::call(prism_verifier_policy, get(), data.begin(), data.size()); }
    /** As policy(), from a file. */
    void policy_file(const std::string &file) const { detail::call(prism_verifier_policy_file, get(), file); }
    /** Requires that the machine signed for exactly these 64 bytes. */
    void report_data(bytes data) const { detail::call(prism_verifier_report_data, get(), data.begin(), data.size()); }
    /** Says that it is not known what the signed bytes stand for. */
    void unbound() const { detail::call(prism_verifier_unbound, get()); }
    /** Judges as of the time `at`; a refusal is a verdict, not an error. */
    verdict judge(std::uint64_t at) const { return detail::make<verdict>(prism_verifier_judge, get(), at); }
#endif
};

/** An asset as an agent has it. */
struct asset_status {
    std::string name;      /**< As the manifest names it. */
    bool accepted;         /**< Whether it is there, whole, and the one that was agreed. */
    std::uint64_t durable; /**< How many bytes the agent holds durably. */
    std::uint64_t size;    /**< Its size in bytes. */
};

/** A sealed result. */
struct result_status {
    std::string consumer; /**< Whose it is. */
    std::uint64_t sealed; /**< Its size in bytes as it is sealed. */
    bool acknowledged;    /**< Whether the consumer has confirmed that it arrived. */
};

/** How things stand, as the agent says without proof. */
class status : public owned<prism_status, prism_status_free> {
  public:
    using owned::owned;
    /** The run's state, such as "WaitingForDatasets". */
    std::string state() const { return detail::text(prism_status_state(get())); }
    /** The kind of machine, such as "snp". */
    std::string platform() const { return detail::text(prism_status_platform(get())); }
    /** The number of entries in the log. */
    std::uint64_t log_size() const noexcept { return prism_status_log_size(get()); }
    /** Every asset that the manifest names. */
    std::vector<asset_status> assets() const {
        std::vector<asset_status> all;
        for (std::size_t i = 0; i < prism_status_assets(get()); i++)
            all.push_back({detail::text(prism_status_asset(get(), i)), prism_status_asset_accepted(get(), i),
                           prism_status_asset_durable(get(), i), prism_status_asset_size(get(), i)});
        return all;
    }
    /** One for each consumer once the program has ended well, none before. */
    std::vector<result_status> results() const {
        std::vector<result_status> all;
        for (std::size_t i = 0; i < prism_status_results(get()); i++)
            all.push_back({detail::text(prism_status_result(get(), i)), prism_status_result_sealed(get(), i),
                           prism_status_result_acknowledged(get(), i)});
        return all;
    }
};

/** A result that arrived: a ZIP archive of what the program wrote. */
class result : public owned<prism_result, prism_result_free> {
  public:
    using owned::owned;
    /** The digest of the archive. */
    std::string digest() const { return detail::text(prism_result_digest(get())); }
    /** The size of the archive in bytes. */
    std::uint64_t size() const noexcept { return prism_result_size(get()); }
    /** The archive, not copied; empty unless it was taken into memory. */
    bytes data() const & noexcept {
        const std::uint8_t *first = prism_result_data(get());
        return bytes(first, first == nullptr ? 0 : static_cast<std::size_t>(size()));
    }
    bytes data() && = delete;
    /** The agent's word that nobody can have it again. */
    receipt_view receipt() const & noexcept { return receipt_view(prism_result_receipt(get())); }
    receipt_view receipt() && = delete;
    /** Whether the receipt's head was compared with the log's newest one. */
    bool compared() const noexcept { return prism_result_compared(get()); }
};

#ifdef PRISM_HPP_THROWS
/** How an agent is met; see prism_connect_options. */
struct connect_options {
    std::string state;                       /**< A folder; empty: the usual. */
    prism::notice notice;                    /**< Lives with the session; on the thread of whatever call waits. */
    const prism::cancel *cancel = nullptr;   /**< Ends every call of the session. */
    std::int32_t retries = 0;                /**< 0: 8 times; below 0: never. */
};

/** How an asset is sent; see prism_upload_options. */
struct upload_options {
    upload_progress progress;              /**< Hears how far it is. */
    std::vector<std::uint8_t> salt;        /**< 32 bytes, exactly when the manifest's digest is salted. */
    const prism::cancel *cancel = nullptr; /**< Ends this call. */
    std::uint32_t connections = 0;         /**< At a time; 0: one. */
    bool one_pass = false;                 /**< Sent without being measured first. */
};

/** How a result is taken; see prism_result_options. */
struct result_options {
    prism::progress progress;              /**< Hears how many sealed bytes have come. */
    const prism::cancel *cancel = nullptr; /**< Ends this call. */
    bool x25519 = false;                   /**< Without the post-quantum half. */
    bool keep_sealed = false;              /**< The sealed file stays too. */
    bool keep_receipt = false;             /**< The receipt is written beside it. */
};

/** How an agent is set up; see prism_agent_options. Empty texts mean the usual. */
struct agent_options {
    std::string listen;                    /**< "address:port"; a free port of this machine alone. */
    std::string state;                     /**< The agent's own folder; must be given. */
    std::string platform;                  /**< Such as "snp"; "auto". */
    std::string endorsements;              /**< A file of the vendor's. */
    std::string simulators;                /**< A folder of pretend vendors. */
    std::string python;                    /**< The interpreter; the machine's. */
    std::string helper;                    /**< A program that calls sandbox_helper_if_asked(); this one. */
    const prism::cancel *cancel = nullptr; /**< Ends the start and the waiting. */
};

namespace detail {
inline const prism_cancel *until(const cancel *given) noexcept { return given == nullptr ? nullptr : given->get(); }

inline prism_connect_options meeting(const connect_options &given, notice *told) {
    prism_connect_options how = PRISM_CONNECT_OPTIONS_INIT;
    how.state = or_null(given.state);
    how.notice = *told ? on_notice : nullptr;
    how.user = told;
    how.cancel = until(given.cancel);
    how.retries = given.retries;
    return how;
}

struct sending {
    border where;
    hearing<upload_progress> user;
    prism_upload_options how PRISM_UPLOAD_OPTIONS_INIT;

    explicit sending(const upload_options &given) : user{&given.progress, &where} {
        if (!given.salt.empty() && given.salt.size() != 32) throw std::invalid_argument("expected a salt of 32 bytes");
        how.progress = given.progress ? on_upload : nullptr;
        how.user = &user;
        how.salt = given.salt.empty() ? nullptr : given.salt.data();
        how.cancel = until(given.cancel);
        how.connections = given.connections;
        how.one_pass = given.one_pass;
    }
};

struct taking {
    border where;
    hearing<progress> user;
    prism_result_options how PRISM_RESULT_OPTIONS_INIT;

    explicit taking(const result_options &given) : user{&given.progress, &where} {
        how.progress = given.progress ? on_progress : nullptr;
        how.user = &user;
        how.cancel = until(given.cancel);
        how.x25519 = given.x25519;
        how.keep_sealed = given.keep_sealed;
        how.keep_receipt = given.keep_receipt;
    }
};
} // namespace detail

/** Seals a file or a folder into the new file `to`; says what the sealed file is. */
inline asset seal(const std::string &file, const std::vector<std::string> &recipients, const std::string &to,
                  const progress &tell = nullptr) {
    detail::border where;
    detail::hearing<progress> user = {&tell, &where};
    std::vector<const char *> all;
    for (const std::string &recipient : recipients) all.push_back(detail::c(recipient));
    return where.make<asset>(false, prism_seal, file, all.data(), all.size(), to,
                             tell ? detail::on_progress : nullptr, &user);
}

/** Opens a sealed file into the new file `to`; says what was in it. */
inline asset open(const std::string &sealed, const identity &with, const std::string &to,
                  const progress &tell = nullptr) {
    detail::border where;
    detail::hearing<progress> user = {&tell, &where};
    return where.make<asset>(false, prism_open, sealed, with, to,
                             tell ? detail::on_progress : nullptr, &user);
}

/** Asks the agent at `address` to prove at the time `at` what it is; a refusal is a verdict, not an error. */
inline verdict attest(const std::string &address, const manifest &terms, std::uint64_t at,
                      const connect_options &options = connect_options()) {
    notice told(options.notice);
    const prism_connect_options how = detail::meeting(options, &told);
    return detail::make<verdict>(prism_attest, address, terms, &how, at);
}
#endif

/** A participant's session with an agent that earned trust. */
class session : public owned<prism_session, prism_session_free> {
    std::shared_ptr<void> told_; /* what the session tells of connections: freed after it */
#ifdef PRISM_HPP_THROWS
    template <class F, class... P, class... A>
    void hear(const F &heard, const cancel *until, int (*function)(P...), const A &...a) const {
        detail::border where;
        detail::hearing<F> user = {&heard, &where};
        where.call(function, get(), a..., &user, detail::until(until));
    }
#endif

  public:
    using owned::owned;
    /** Empty. */
    session() noexcept {}
    /** Takes it; the other one is empty then. */
    session(session &&) = default;
    /** Frees its own, takes the other one's. */
    session &operator=(session &&) = default;
    /** Ends the session and its connections. What the agent holds stays there. */
    ~session() { reset(); }
    /** The verdict on the machine, with every finding. */
    verdict_view verdict() const & noexcept { return verdict_view(prism_session_verdict(get())); }
    verdict_view verdict() && = delete;
    /** Who you are, as the manifest names your key. */
    std::string participant() const { return detail::text(prism_session_participant(get())); }
    /** The agent's boot, 32 hex digits. */
    std::string boot() const { return detail::text(prism_session_boot(get())); }
    /** Whether the machine is simulated and protects nothing. */
    bool simulated() const noexcept { return prism_session_simulated(get()); }
#ifdef PRISM_HPP_THROWS
    /** Looks at the machine at `address` as of the time `at`, and says who you are only if every finding is good. */
    static session connect(const std::string &address, const manifest &terms, const key &who, std::uint64_t at,
                           const connect_options &options = connect_options()) {
        std::shared_ptr<notice> told = std::make_shared<notice>(options.notice);
        const prism_connect_options how = detail::meeting(options, told.get());
        session made = detail::make<session>(prism_session_connect, address, terms, who, &how, at);
        made.told_ = std::move(told);
        return made;
    }
    /** Asks how things stand. */
    prism::status status() const { return detail::make<prism::status>(prism_session_status, get()); }
    /** Stops the computation for good, for everybody. */
    receipt stop() const { return detail::make<receipt>(prism_session_stop, get()); }
    /** Fetches the transcript into a new file. */
    void transcript(const std::string &file) const { detail::call(prism_session_transcript, get(), file); }
    /** Sends a file or a folder as the asset `name` of the manifest. The same call goes on after an interruption. */
    receipt upload_file(const std::string &name, const std::string &file,
                        const upload_options &options = upload_options()) const {
        detail::sending to(options);
        return to.where.make<receipt>(false, prism_session_upload_file, get(), name, file, &to.how);
    }
    /** As upload_file(), from memory that does not change meanwhile. */
    receipt upload_buffer(const std::string &name, bytes data, const upload_options &options = upload_options()) const {
        detail::sending to(options);
        return to.where.make<receipt>(false, prism_session_upload_buffer, get(), name, data.begin(), data.size(),
                                      &to.how);
    }
    /** As upload_file(), with `size` bytes that are read when they are needed. */
    receipt upload_from(const std::string &name, std::uint64_t size, const read_at &read,
                        const upload_options &options = upload_options()) const {
        detail::sending to(options);
        detail::hearing<read_at> user = {&read, &to.where};
        return to.where.make<receipt>(false, prism_session_upload_from, get(), name, size, detail::on_read, &user,
                                      &to.how);
    }
    /** Tells the proven entries of the log from `first` on, until it is closed. */
    void watch(std::uint64_t first, const entry_heard &heard, const cancel *until = nullptr) const {
        hear(heard, until, prism_session_watch, first, detail::on_entry);
    }
    /** Tells what the program prints, until the run has ended. */
    void output(const output_heard &heard, const cancel *until = nullptr) const {
        hear(heard, until, prism_session_output, detail::on_output);
    }
    /** Tells the figures that the program prints, until the run has ended. */
    void figures(const figure_heard &heard, const cancel *until = nullptr) const {
        hear(heard, until, prism_session_figures, detail::on_figure);
    }
    /** Takes your result into a new file, exactly once. The same call goes on after an interruption. */
    result result_file(const std::string &file, const result_options &options = result_options()) const {
        detail::taking from(options);
        return from.where.make<result>(true, prism_session_result_file, get(), file, &from.how);
    }
    /** As result_file(), into memory, at most `most` bytes; until it is there it lies in the new file `place`. */
    result result_memory(const std::string &place, std::uint64_t most,
                         const result_options &options = result_options()) const {
        detail::taking from(options);
        return from.where.make<result>(true, prism_session_result_memory, get(), place, most, &from.how);
    }
#endif
};

/** What one rule of an audit came to. */
struct audit_finding {
    bool kept;         /**< Whether the rule is kept. */
    std::string rule;  /**< Its stable name. */
    std::string place; /**< Where in the transcript, such as "entry 17". */
    std::string found; /**< What was found there. */
};

/** What a replay of a transcript found, rule by rule. */
class audit : public owned<prism_audit, prism_audit_free> {
  public:
    using owned::owned;
    /** Whether every rule is kept. */
    bool holds() const noexcept { return prism_audit_holds(get()); }
    /** For people, one line for each rule. */
    std::string text() const { return detail::text(prism_audit_text(get())); }
    /** One JSON object with stable names. */
    std::string json() const { return detail::text(prism_audit_json(get())); }
    /** A card in HTML. */
    std::string card() const { return detail::text(prism_audit_card(get())); }
    /** Every finding, kept and broken. */
    std::vector<audit_finding> findings() const {
        std::vector<audit_finding> all;
        for (std::size_t i = 0; i < prism_audit_findings(get()); i++)
            all.push_back({prism_audit_finding_kept(get(), i), detail::text(prism_audit_finding_rule(get(), i)),
                           detail::text(prism_audit_finding_place(get(), i)),
                           detail::text(prism_audit_finding_found(get(), i))});
        return all;
    }
#ifdef PRISM_HPP_THROWS
    /** Replays a transcript as of the time `at`. An empty manifest: it may be about any. Broken rules are no error. */
    static audit file(const std::string &transcript, const manifest &terms, std::uint64_t at) {
        return detail::make<audit>(prism_audit_file, transcript, terms, at);
    }
    /** As file(), from memory. */
    static audit from_buffer(bytes data, const manifest &terms, std::uint64_t at) {
        return detail::make<audit>(prism_audit_buffer, data.begin(), data.size(), terms, at);
    }
    /** Throws "audit.failed" unless every rule is kept. */
    void require_holds() const { detail::call(prism_audit_require_holds, get()); }
#endif
};

/** An agent in this process. One that is freed before stop() ends as if its process had been killed. */
class agent : public owned<prism_agent, prism_agent_free> {
  public:
    using owned::owned;
    /** Where it listens. */
    std::string address() const { return detail::text(prism_agent_address(get())); }
    /** The kind of machine that signs its evidence. */
    std::string platform() const { return detail::text(prism_agent_platform(get())); }
#ifdef PRISM_HPP_THROWS
    /** Starts one for a computation. The program's `main` begins with sandbox_helper_if_asked(). */
    static agent start(const manifest &terms, const agent_options &options) {
        prism_agent_options how = PRISM_AGENT_OPTIONS_INIT;
        how.listen = detail::or_null(options.listen);
        how.state = detail::or_null(options.state);
        how.platform = detail::or_null(options.platform);
        how.endorsements = detail::or_null(options.endorsements);
        how.simulators = detail::or_null(options.simulators);
        how.python = detail::or_null(options.python);
        how.helper = detail::or_null(options.helper);
        how.cancel = detail::until(options.cancel);
        return detail::make<agent>(prism_agent_start, terms, &how);
    }
    /** Waits until the log is closed, and `linger` seconds more. */
    void wait(std::uint32_t linger) const { detail::call(prism_agent_wait, get(), linger); }
    /** Ends it in order: closes the log, destroys what has to be destroyed. */
    void stop() const { detail::call(prism_agent_stop, get()); }
#endif
};

} // namespace prism

#undef PRISM_HPP_THROWS
#endif /* PRISM_HPP */
