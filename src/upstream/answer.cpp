#include "upstream/answer.h"

namespace weir::upstream {

std::unique_ptr<Answer::Origin> origin_of(const Candidate& candidate, std::string model) {
    return std::make_unique<Answer::Origin>(
        streams::Source{candidate.provider->name, std::move(model)}, candidate.target->price);
}

void date(std::vector<chat::ChatEvent>& events, WallTime now) {
    for (chat::ChatEvent& event : events)
        if (auto* const started = std::get_if<chat::Started>(&event);
            started != nullptr && started->created == 0)
            started->created =
                std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
}

} // namespace weir::upstream
