#pragma once
// The doors for people's programs: chat, models, quota.

#include "endpoints/context.h"

namespace weir::endpoints {

net::Task<void> chat_completions(Context& context); // POST /v1/chat/completions
net::Task<void> embeddings(Context& context);
net::Task<void> plain_chat(Context& context);   // POST /api/v1/chat
net::Task<void> list_models(Context& context);  // GET /v1/models
net::Task<void> get_model(Context& context);    // GET /v1/models/{id}
net::Task<void> model_states(Context& context); // GET /api/v1/models
net::Task<void> own_quota(Context& context);    // GET /api/v1/quota

} // namespace weir::endpoints
