#include "app/server.h"

#include "app/first_start.h"
#include "app/worker.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "config/environment.h"
#include "net/listening.h"
#include "net/process_signals.h"

#include <csignal>
#include <cstdio>
#include <fmt/core.h>
#include <optional>
#include <unistd.h>

namespace weir::app {
namespace {

constexpr std::chrono::milliseconds flush_time{200};
constexpr std::chrono::seconds key_use_time{60};
constexpr std::chrono::seconds farewell_time{2}; // for telling the clients of what was cut

int complain(std::string_view message) {
    fmt::print(stderr, "weir: {}\n", message);
    return 1;
}

record::Sink* ensure_sink = nullptr;

void report_broken_invariant(const char* what, const char* file, unsigned line) {
    if (ensure_sink != nullptr)
        ensure_sink->publish(
            record::Event{"broken_invariant", fmt::format("{} ({}:{})", what, file, line)});
}

class Server {
public:
    Server(std::unique_ptr<House> house, Flags flags)
        : house_(std::move(house)), flags_(std::move(flags)) {}

    Result<void> open() {
        const config::Config& config = *house_->settings.config;
        const std::size_t count =
            config.workers > 0 ? static_cast<std::size_t>(config.workers) : net::processor_count();
        std::shared_ptr<const net::TlsServer> tls;
        if (config.tls.on()) {
            WEIR_TRY(auto opened, net::TlsServer::open(config.tls.certificate, config.tls.key));
            tls = std::move(opened);
        }
        WEIR_TRY(const auto sockets, listen_all(config.listen, count));
        WEIR_TRY(const net::Listening control, net::listen_unix(config.data_dir + "/control.sock"));
        for (std::size_t i = 0; i < count; ++i) {
            WEIR_TRY(auto worker, Worker::create(*house_, tls));
            worker->server().accept_from(sockets[i].descriptor, net::Peer::Kind::tcp);
            if (i == 0) worker->server().accept_from(control.descriptor, net::Peer::Kind::control);
            workers_.push_back(std::move(worker));
        }
        warm_vocabularies();
        net::Wheel& wheel = main_loop().wheel();
        chores_.emplace(wheel, [](void* self) { static_cast<Server*>(self)->do_chores(); }, this);
        drain_timer_.emplace(
            wheel, [](void* self) { static_cast<Server*>(self)->check_drained(); }, this);
        const std::string host = config.listen.substr(0, config.listen.rfind(':'));
        url_ = fmt::format("{}://{}:{}", config.tls.on() ? "https" : "http", host, sockets[0].port);
        return {};
    }

    int run() {
        net::ProcessSignals signals(main_loop(), [this](int number) { on_signal(number); });
        main_loop().spawn(greet());
        schedule_chores();
        for (std::size_t i = 1; i < workers_.size(); ++i) workers_[i]->start_thread();
        main_loop().run();
        chores_.reset();
        drain_timer_.reset();
        signals.cancel();
        for (std::size_t i = 1; i < workers_.size(); ++i) workers_[i]->stop_thread();
        for (auto& worker : workers_) worker->finish();
        house_->pool->stop();
        house_->counting->stop();
        // What is left is dropped while every loop is still there to be told.
        for (auto& worker : workers_) worker->loop().drop();
        ::unlink((house_->settings.config->data_dir + "/control.sock").c_str());
        return exit_code_;
    }

private:
    net::Loop& main_loop() { return workers_[0]->loop(); }

    // Read before the first request wants them, where one may.
    void warm_vocabularies() {
        for (const config::Model& model : house_->settings.config->models)
            for (const config::Target& target : model.targets)
                if (quota::TokenMeter::is_exact(target.model) || model.is_pattern())
                    house_->counting->post([encoding = chat::counting_of(target.model).encoding] {
                        chat::byte_pairs(encoding);
                    });
    }

    // One socket a worker, all on one port. Sharing a port hides that someone else has it, so it is
    // first asked for alone.
    Result<std::vector<net::Listening>> listen_all(const std::string& address, std::size_t count) {
        std::vector<net::Listening> out;
        WEIR_TRY(const net::Listening alone, net::listen_tcp(address, net::Sharing::alone));
        if (count == 1) return std::vector{alone};
        ::close(alone.descriptor);
        const std::string fixed =
            fmt::format("{}:{}", address.substr(0, address.rfind(':')), alone.port);
        for (std::size_t i = 0; i < count; ++i) {
            WEIR_TRY(const net::Listening shared, net::listen_tcp(fixed, net::Sharing::reuse_port));
            out.push_back(shared);
        }
        return out;
    }

    net::Task<void> greet() {
        if (needs_administrator(*house_->access)) {
            auto made = co_await first_administrator(*house_, main_loop());
            if (!made) {
                complain("the first administrator cannot be stored: " +
                         std::string(made.error().detail()));
                exit_code_ = 1;
                main_loop().stop();
                co_return;
            }
            fmt::print("url: {}\nadmin: {}\npassword: {}\nkey: {}\n", url_, made->email,
                       made->password.reveal(), made->key.reveal());
        } else {
            fmt::print("url: {}\n", url_);
        }
        fmt::print("ready\n");
        std::fflush(stdout);
    }

    void on_signal(int number) {
        if (number == SIGHUP) {
            const auto before = house_->settings.config;
            const auto faults = house_->reload(flags_, config::process_environment());
            const config::Config& now = *house_->settings.config;
            if (before->listen != now.listen || before->data_dir != now.data_dir ||
                before->workers != now.workers || before->durability != now.durability ||
                before->tls.certificate != now.tls.certificate) {
                house_->log->publish(record::Event{"reload_incomplete",
                                                   "listen, data_dir, workers, tls and "
                                                   "ledger.durability change at the next start"});
            }
            if (faults.empty())
                house_->log->publish(record::Event{"reloaded", house_->settings.file});
            for (const std::string& fault : faults)
                house_->log->publish(record::Event{"reload_refused", fault});
            return;
        }
        if (house_->draining.exchange(true)) {
            // Asked twice: what runs is ended now, with words, instead of in 30 s.
            exit_code_ = 1;
            drain_until_ = std::min(drain_until_, house_->clock.steady());
            drain_timer_->arm(std::chrono::milliseconds(0));
            return;
        }
        house_->log->publish(
            record::Event{"draining", "new requests get 503; running ones finish"});
        drain_until_ = house_->clock.steady() + limits::drain_time;
        for (auto& worker : workers_) {
            Worker* const each = worker.get();
            each->loop().post([each] { each->server().drain(); });
        }
        drain_timer_->arm(std::chrono::nanoseconds(0));
    }

    void check_drained() {
        const SteadyTime now = house_->clock.steady();
        if (house_->running.load() == 0 || now >= drain_until_ + farewell_time) {
            main_loop().stop();
            return;
        }
        if (now >= drain_until_ && !std::exchange(cut_, true)) {
            for (auto& worker : workers_) {
                Worker* const each = worker.get();
                each->loop().post([each] { each->stop_generations(); });
            }
        }
        drain_timer_->arm(std::chrono::milliseconds(50));
    }

    void schedule_chores() {
        next_key_use_ = house_->clock.steady() + key_use_time;
        chores_->arm(flush_time);
    }

    void do_chores() {
        house_->log->flush();
        if (house_->clock.steady() >= next_key_use_) {
            house_->access->save_key_use();
            next_key_use_ = house_->clock.steady() + key_use_time;
        }
        if (house_->clock.steady() >= next_hold_look_) look_at_holds();
        chores_->arm(flush_time);
    }

    // The workers' renewals come before the next look, not before this one.
    void look_at_holds() {
        next_hold_look_ = house_->clock.steady() + limits::hold_look_time;
        if (const std::size_t expired = house_->ledger->expire(); expired > 0)
            house_->log->publish(record::Event{
                "holds_expired", fmt::format("{} requests were charged what they held: nothing had "
                                             "been heard of them for too long",
                                             expired)});
        for (auto& worker : workers_) {
            Worker* const each = worker.get();
            each->loop().post([each] { each->renew_holds(); });
        }
    }

    std::unique_ptr<House> house_;
    Flags flags_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::optional<net::Wheel::Timer> chores_;
    std::optional<net::Wheel::Timer> drain_timer_;
    SteadyTime drain_until_{};
    SteadyTime next_key_use_{};
    SteadyTime next_hold_look_{};
    std::string url_;
    int exit_code_ = 0;
    bool cut_ = false; // what still ran when the drain's time was over was told to end
};

} // namespace

int serve(const Flags& flags) {
    net::ignore_broken_pipes();
    net::raise_open_file_limit();
    auto settings = load_settings(flags, config::process_environment());
    if (!settings) {
        for (const std::string& fault : settings.error().faults) complain(fault);
        return 1;
    }
    auto house = House::build(*std::move(settings));
    if (!house) {
        const Error& error = house.error();
        return complain(error.message().empty() ? error.detail() : error.message());
    }
    ensure_sink = (*house)->log.get();
    set_ensure_hook(report_broken_invariant);
    Server server(*std::move(house), flags);
    if (auto opened = server.open(); !opened) {
        const bool wrong_word = opened.error().code() == Errc::invalid_value;
        complain(opened.error().message());
        return wrong_word ? 2 : 1;
    }
    return server.run();
}

} // namespace weir::app
