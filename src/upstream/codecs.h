#pragma once
// Which codec speaks with a provider, and how a credential is shown to it.

#include "config/config.h"
#include "dialects/provider_codec.h"
#include "wire/head_writer.h"

namespace weir::upstream {

// Requires: not the demo, which nobody speaks with.
const dialects::ProviderCodec& codec_of(config::Dialect dialect);
// The one for that task; null where the dialect has no words for it.
const dialects::ProviderCodec* codec_for(config::Dialect dialect, chat::Task task);

// Nothing where there is no credential.
void write_credential(wire::HeadWriter& head, const dialects::ProviderCodec& codec,
                      std::string_view credential);

} // namespace weir::upstream
