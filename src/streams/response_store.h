#pragma once
// Answers of the Responses API, kept so that a later request can go on with them or read them
// again.

#include "base/error.h"
#include "base/ids.h"
#include "net/task.h"

#include <optional>
#include <string>

namespace weir::net {
class Loop;
}

namespace weir::streams {

struct StoredResponse {
    std::string id;
    UserId owner;
    std::string body;  // the response object, as JSON
    std::string items; // the whole talk up to it, its output included: JSON values and commas
};

// Thread: any.
class ResponseStore {
public:
    virtual ~ResponseStore() = default;
    // Somebody else's is not found. Errors, here and below: ledger_unavailable.
    virtual net::Task<Result<std::optional<StoredResponse>>>
    find_response(net::Loop& loop, UserId owner, std::string id) = 0;
    // Returns when it is durable; what is older than limits::response_time goes.
    virtual net::Task<Result<void>> save_response(net::Loop& loop, StoredResponse response) = 0;
    // Whether there was one.
    virtual net::Task<Result<bool>> drop_response(net::Loop& loop, UserId owner,
                                                  std::string id) = 0;
};

} // namespace weir::streams
