#pragma once
// Every bound of the program that a caller, a provider or a file could press against, with the
// attack or the reason. Times are here too. What an operator may set has its default in config/.

#include <chrono>
#include <cstddef>

namespace weir::limits {

using namespace std::chrono_literals;

// --- HTTP heads: larger ones are refused with 414 or 431 before anything is kept.
inline constexpr std::size_t request_line_bytes = 8 * 1024;
inline constexpr std::size_t head_bytes = 32 * 1024;
inline constexpr std::size_t header_count = 100;
// --- Chunked bodies: extensions and trailers carry no meaning here, so they only cost.
inline constexpr std::size_t chunk_extension_bytes = 256;
inline constexpr std::size_t trailer_bytes = 4 * 1024;

// --- Connections. Slow heads and slow bodies hold a connection, so both have a clock.
inline constexpr auto head_time = 10s;
inline constexpr auto idle_time = 75s;
inline constexpr auto write_stall_time = 30s;
inline constexpr auto body_grace = 10s;        // then at least body_rate on average
inline constexpr std::size_t body_rate = 1024; // bytes a second
inline constexpr auto body_stall = 10s;        // without a byte
inline constexpr auto body_time = 120s;        // in all
inline constexpr auto linger_time = 2s;        // after a refusal: let the client read it
inline constexpr std::size_t linger_bytes = 256 * 1024;
inline constexpr std::size_t connections_per_thread = 20'000;
inline constexpr std::size_t pipelined_bytes = 64 * 1024; // read ahead of the answer in progress
inline constexpr std::size_t read_buffer = 64 * 1024;     // one a thread, lent
inline constexpr auto accept_pause = 100ms;               // when file descriptors ran out

// --- JSON from callers: depth against stack use, counts against hash and memory floods.
inline constexpr std::size_t json_depth = 64;
inline constexpr std::size_t json_values = 200'000;
inline constexpr std::size_t json_keys_per_object = 4'096;

// --- Chat requests.
inline constexpr std::size_t betas_bytes = 1024; // of a header that is passed on
inline constexpr std::size_t embedded = 100'000; // texts or tokens in one list to embed
inline constexpr std::size_t messages = 10'000;
inline constexpr std::size_t tools = 128;
inline constexpr std::size_t model_name_bytes = 256;
inline constexpr std::size_t choices = 8;       // n: each one is paid for
inline constexpr std::size_t echoed_bytes = 64; // of a caller's text in an error
inline constexpr std::int64_t output_tokens = 1'000'000;

// --- Upstream answers: a provider is trusted with the question, not with our memory.
inline constexpr std::size_t upstream_line_bytes = 4 * 1024 * 1024; // one SSE line
inline constexpr std::size_t upstream_event_bytes = 4 * 1024 * 1024;
inline constexpr std::size_t upstream_body_bytes = 32 * 1024 * 1024;
inline constexpr std::size_t upstream_error_bytes = 64 * 1024;
inline constexpr std::size_t idle_upstreams_per_thread = 512;
inline constexpr auto upstream_idle_time = 55s; // below the minute that common servers keep
inline constexpr std::size_t attempts = 3;      // tries of one request that cost its provider work
inline constexpr std::size_t keys_tried = 8; // and all, with those that a key's state ended at once
inline constexpr auto connect_attempt_delay = 250ms; // RFC 8305, section 5
inline constexpr std::size_t dns_entries = 256;
inline constexpr auto dns_time = 60s;

// --- Streams.
inline constexpr auto open_time = 10s; // then the 200 goes out with a heartbeat
inline constexpr auto heartbeat_time = 15s;
inline constexpr std::size_t stream_bytes = 4 * 1024 * 1024; // a log: what a reader may be behind
inline constexpr auto stream_time = 10min;                   // an ended stream can be joined again
inline constexpr std::size_t idempotency_key_bytes = 255;
inline constexpr auto idempotency_time = 24h;
// --- Answers of the Responses API that are kept.
inline constexpr auto response_time = 24h * 30;
inline constexpr std::size_t idempotency_answer_bytes = 1024 * 1024;
inline constexpr auto stream_room_time = 50ms; // between looks for room in the memory of all logs
inline constexpr auto drain_time = 30s;

// --- Ledger.
inline constexpr std::size_t ledger_batch = 1'000;
inline constexpr std::size_t ledger_queue = 100'000; // entries waiting for the disk, then 503
inline constexpr auto commit_gap = 1ms;
inline constexpr auto settle_time = 20ms;
inline constexpr auto window_flush_time = 200ms;
// Of an account, so that a clock that jumps ahead and back finds what was spent before.
inline constexpr std::size_t windows_kept = 8;
// Counted at once; more goes to a thread of its own. The worst text takes half a microsecond a
// byte.
inline constexpr auto hold_time = 15min;     // unless it is renewed
inline constexpr auto hold_look_time = 1min; // between two looks for holds that nobody renews
inline constexpr std::size_t tokens_inline_bytes = 4 * 1024;
// Before a request is refused its input is counted only while no more than this waits: a second's
// work at worst.
inline constexpr std::size_t tokens_waiting_bytes = 1024 * 1024;
inline constexpr std::size_t calibrated_models = 1'000;
inline constexpr std::int64_t slab_tokens = 512; // what a running answer is ahead of the disk by

// --- Access.
inline constexpr std::size_t email_bytes = 254; // RFC 5321, section 4.5.3.1
inline constexpr std::size_t name_bytes = 100;
inline constexpr std::size_t password_bytes_min = 8;
inline constexpr std::size_t password_bytes_max = 1'024; // argon2 hashes them: a bound on the work

// --- Rates: one table, fixed for the life of the process.
inline constexpr std::size_t rate_cells = 1 << 18; // 16 bytes each: 4 MiB

static_assert(request_line_bytes < head_bytes);
static_assert(upstream_event_bytes <= stream_bytes);
static_assert(2 * hold_look_time < hold_time / 2);
static_assert(settle_time < window_flush_time && commit_gap < settle_time);

} // namespace weir::limits
