#pragma once
// One serving thread: its loop, its client for providers, its front desk and its server.

#include "app/house.h"
#include "endpoints/front_desk.h"
#include "net/http/http_server.h"

#include <memory>
#include <thread>

namespace weir::app {

class Worker {
public:
    static Result<std::unique_ptr<Worker>> create(House& house,
                                                  std::shared_ptr<const net::TlsServer> tls);

    ~Worker() { loop_.drop(); }

    net::Loop& loop() { return loop_; }
    net::HttpServer& server() { return *server_; }

    // Tells every answer in progress that the server goes. Thread: the loop's.
    void stop_generations();
    // What the answers in progress hold does not expire. Thread: the loop's.
    void renew_holds();
    void start_thread();
    void stop_thread(); // returns when the loop has ended
    // Cuts off what is still connected and lets its coroutines end. Requires: the loop is not
    // running.
    void finish();

private:
    explicit Worker(House& house) : loop_(house.clock), running_(house.running) {}

    net::Loop loop_;
    std::atomic<std::int64_t>& running_;
    std::unique_ptr<net::TlsClient> tls_client_;
    std::shared_ptr<const net::TlsServer> tls_server_;
    std::unique_ptr<net::HttpClient> client_;
    std::unique_ptr<gateway::ThreadParts> mine_;
    std::unique_ptr<endpoints::FrontDesk> desk_;
    std::unique_ptr<net::HttpServer> server_;
    std::thread thread_;
};

} // namespace weir::app
