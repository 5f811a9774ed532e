#include "app/worker.h"

#include "base/limits.h"
#include "config/environment.h"
#include "gateway/generation.h"

namespace weir::app {
namespace {

constexpr std::chrono::milliseconds finish_time{2'000};

} // namespace

Result<std::unique_ptr<Worker>> Worker::create(House& house,
                                               std::shared_ptr<const net::TlsServer> tls) {
    std::unique_ptr<Worker> worker(new Worker(house));
    const std::string extra_ca = config::process_environment()("WEIR_EXTRA_CA").value_or("");
    WEIR_TRY(worker->tls_client_, net::TlsClient::open(extra_ca));
    worker->tls_server_ = std::move(tls);
    worker->client_ = std::make_unique<net::HttpClient>(worker->loop_, worker->tls_client_.get());
    worker->mine_ = std::make_unique<gateway::ThreadParts>(
        gateway::ThreadParts{worker->loop_, *worker->client_});
    worker->desk_ =
        std::make_unique<endpoints::FrontDesk>(*house.parts, *worker->mine_, *house.admin);
    const net::HttpServer::Options options{limits::connections_per_thread,
                                           worker->tls_server_.get()};
    worker->server_ = std::make_unique<net::HttpServer>(worker->loop_, *worker->desk_, options);
    return worker;
}

void Worker::stop_generations() {
    const auto running = mine_->generations;
    for (gateway::Generation* const generation : running) generation->stop(Errc::shutting_down);
}

void Worker::renew_holds() {
    for (gateway::Generation* const generation : mine_->generations) generation->renew();
}

void Worker::start_thread() {
    thread_ = std::thread([this] { loop_.run(); });
}

void Worker::stop_thread() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
}

void Worker::finish() {
    server_->abort_all();
    loop_.finish([this] { return server_->connections() == 0 && running_.load() == 0; },
                 finish_time);
}

} // namespace weir::app
