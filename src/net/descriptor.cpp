#include "net/descriptor.h"

#include <sys/epoll.h>

namespace weir::net {
namespace {

constexpr std::uint32_t always = EPOLLIN | EPOLLRDHUP | EPOLLET;

} // namespace

Descriptor::Descriptor(Loop& loop, Socket socket, Tell tell, void* owner)
    : loop_(loop), socket_(std::move(socket)), tell_(tell), owner_(owner) {
    epoll_event event{.events = always, .data = {.ptr = this}};
    if (::epoll_ctl(loop_.epoll_, EPOLL_CTL_ADD, number(), &event) != 0) socket_.close();
}

void Descriptor::watch_writable() {
    if (writable_watched_) return;
    writable_watched_ = true;
    epoll_event event{.events = always | EPOLLOUT, .data = {.ptr = this}};
    ::epoll_ctl(loop_.epoll_, EPOLL_CTL_MOD, number(), &event);
}

// Closing the only copy of a descriptor takes it out of epoll as well.
void Descriptor::close() {
    loop_.forget(*this);
    socket_.close();
}

Socket Descriptor::release() {
    loop_.forget(*this);
    epoll_event unused{};
    ::epoll_ctl(loop_.epoll_, EPOLL_CTL_DEL, number(), &unused);
    return std::move(socket_);
}

void Descriptor::tell(std::uint32_t events) {
    Ready ready;
    ready.ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    ready.readable = ready.ended || (events & EPOLLIN) != 0;
    ready.writable = (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    tell_(owner_, ready);
}

} // namespace weir::net
