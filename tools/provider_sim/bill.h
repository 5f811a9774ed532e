// What the simulator believes it delivered. One Model for each name ever asked for, with its script
// and its tally; they are made on first sight and live as long as the Bill, so a pointer to one
// never dangles. Tallies are atomics: every reactor thread adds to them. `requests` is always
// completed + aborted + failed + open.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "grammar.h"

namespace sim {

using Counter = std::atomic<std::uint64_t>;

struct Tally {
    Counter requests = 0;
    Counter completed = 0; // written as scripted, with a good ending
    Counter aborted = 0;   // the client left first
    Counter failed = 0;    // ended by a scripted fault
    Counter open = 0;
    Counter tokens_in = 0;
    Counter tokens_out = 0;
};

struct Model {
    explicit Model(std::string_view model_name)
        : name(model_name),
          script(parse_script(model_name)),
          fine(without_faults(script.value_or(Script()))) {}

    // The script for the next request: without its faults once `times` requests have met them.
    const Script& next_script() {
        const Script& whole = *script;
        return whole.times == 0 || seen++ < whole.times ? whole : fine;
    }

    const std::string name;
    const std::expected<Script, std::string> script;
    const Script fine;
    Counter seen = 0;
    Tally tally;
};

class Bill {
public:
    // nullptr when more than 100,000 names were seen. Thread: any.
    Model* find(std::string_view name);

    // Thread: any.
    std::string json() const;

    // Forgets all counts, and how often a name was seen; what is open stays open.
    void reset();

    Counter refused = 0;  // requests answered 400, 401 or 429 before any script was read
    Counter followed = 0; // requests for the place a scripted redirect points to

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::unique_ptr<Model>, std::less<>> models_;
};

} // namespace sim
