// Writes the requests of a run. Each carries its own number, so that no two are the same, unless
// they are meant to be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "exchange.h"

namespace load {

enum class Variety { each_its_own, all_the_same };

struct RequestShape {
    std::string authority;
    std::string path;
    std::string model;
    std::vector<std::string> keys;
    std::size_t body_bytes = 2048;
    Mode mode = Mode::json;
    Variety variety = Variety::each_its_own;
    bool include_usage = false;
};

class RequestMaker {
public:
    explicit RequestMaker(const RequestShape& shape);

    // The bytes of request `number`, sent with the key that is its turn.
    std::string_view make(std::uint64_t number);

    // The user message of the request made last.
    std::string_view prompt() const;

private:
    struct Form {
        std::string text;
        std::size_t number_at;
        std::size_t prompt_at;
    };

    std::vector<Form> forms_; // one for each key
    const Variety variety_;
    std::size_t prompt_bytes_ = 0;
    std::size_t last_ = 0;
};

} // namespace load
