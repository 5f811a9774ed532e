#include "config/litellm_providers.h"

#include <algorithm>
#include <array>

namespace weir::config {
namespace {

using enum LiteLlmProvider::Base;

constexpr std::array<LiteLlmProvider, 23> providers{{
    {"openai", "openai", "", "", "OPENAI_API_KEY"},
    {"azure", "azure", "azure", "", "AZURE_API_KEY", must_be_said},
    {"anthropic", "anthropic", "", "", "ANTHROPIC_API_KEY"},
    {"gemini", "gemini", "", "", "GEMINI_API_KEY"},
    {"groq", "groq", "", "", "GROQ_API_KEY"},
    {"openrouter", "openrouter", "", "", "OPENROUTER_API_KEY"},
    {"mistral", "mistral", "", "", "MISTRAL_API_KEY"},
    {"huggingface", "huggingface", "", "", "HF_TOKEN"},
    {"together_ai", "together", "", "https://api.together.xyz/v1", "TOGETHERAI_API_KEY"},
    {"deepseek", "deepseek", "", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"},
    {"xai", "xai", "", "https://api.x.ai/v1", "XAI_API_KEY"},
    {"fireworks_ai", "fireworks", "", "https://api.fireworks.ai/inference/v1",
     "FIREWORKS_AI_API_KEY"},
    {"perplexity", "perplexity", "", "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"},
    {"cerebras", "cerebras", "", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"},
    {"deepinfra", "deepinfra", "", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"},
    {"nvidia_nim", "nvidia", "", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"},
    {"ollama", "ollama", "", "", ""},
    {"ollama_chat", "ollama", "", "", ""},
    {"hosted_vllm", "vllm", "", "", "", must_be_said},
    {"openai_like", "compatible", "", "", "", must_be_said},
    {"custom_openai", "compatible", "", "", "", must_be_said},
    {"lm_studio", "lm-studio", "", "", "", must_be_said},
    {"litellm_proxy", "litellm", "", "", "LITELLM_PROXY_API_KEY", must_be_said},
}};

// Names without a prefix that LiteLLM knows for OpenAI's and Anthropic's.
constexpr std::array<std::string_view, 6> openai_names{"gpt-", "chatgpt-", "o1",
                                                       "o3",   "o4",       "text-embedding-"};

} // namespace

const LiteLlmProvider* find_litellm_provider(std::string_view prefix, std::string_view model) {
    const auto begins = [&](std::string_view start) { return model.starts_with(start); };
    if (prefix.empty()) {
        if (std::ranges::any_of(openai_names, begins)) prefix = "openai";
        else if (begins("claude-")) prefix = "anthropic";
    }
    const auto found = std::ranges::find(providers, prefix, &LiteLlmProvider::prefix);
    return found == providers.end() ? nullptr : &*found;
}

} // namespace weir::config
