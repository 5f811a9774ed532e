#include "upstream/answer.h"

namespace weir::upstream {

std::unique_ptr<Answer::Origin> origin_of(const Candidate& candidate, std::string model) {
    return std::make_unique<Answer::Origin>(
        streams::Source{candidate.provider->name, std::move(model)}, candidate.target->price);
}

} // namespace weir::upstream
