#include "wire/head_writer.h"

#include "wire/body_decoder.h"
#include "wire/request_head.h"
#include "wire/response_head.h"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

using namespace std::string_view_literals;

TEST(HeadWriter, a_response_reads_back_as_it_was_written) {
    std::string out;
    HeadWriter::response(out, 429)
        .field("content-type", "application/json")
        .field("content-length", UINT64_MAX)
        .field("retry-after", std::uint64_t{0})
        .field("x-empty", "")
        .end();
    const auto head = ResponseHead::parse(out);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status(), 429);
    EXPECT_EQ(head->framing().length, UINT64_MAX);
    EXPECT_EQ(head->find("content-type"), "application/json");
    EXPECT_EQ(head->find("retry-after"), "0");
    EXPECT_EQ(head->find("x-empty"), "");
    EXPECT_EQ(head->fields().all().size(), 4u);
}

TEST(HeadWriter, a_request_reads_back_as_it_was_written) {
    std::string out;
    HeadWriter::request(out, "POST", "/v1/chat?a=b", "example.com:8443")
        .field("transfer-encoding", "chunked")
        .field("authorization", "Bearer k")
        .end();
    const auto head = RequestHead::parse(out);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->method(), "POST");
    EXPECT_EQ(head->path(), "/v1/chat");
    EXPECT_EQ(head->query(), "a=b");
    EXPECT_EQ(head->host(), "example.com:8443");
    EXPECT_EQ(head->framing().kind, Framing::Kind::chunked);
    EXPECT_EQ(head->find("authorization"), "Bearer k");
}

TEST(HeadWriter, a_value_that_would_split_the_message_is_left_out) {
    for (const std::string_view value :
         {"a\r\nInjected: yes"sv, "a\nInjected: yes"sv, "a\rInjected: yes"sv, "a\0b"sv, "\r"sv,
          "\n"sv, "\0"sv, "a\r\n\r\nHTTP/1.1 200 OK"sv, "ends with\r\n"sv}) {
        std::string out;
        HeadWriter::response(out, 200)
            .field("x-before", "1")
            .field("x-bad", value)
            .field("x-after", "2")
            .end();
        EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nx-before: 1\r\nx-after: 2\r\n\r\n");
        out.clear();
        HeadWriter::request(out, "GET", "/", value).end();
        EXPECT_EQ(out, "GET / HTTP/1.1\r\n\r\n");
    }
}

TEST(HeadWriter, heads_are_appended_to_what_stands_there) {
    std::string out(continue_head);
    HeadWriter::response(out, 204).end();
    EXPECT_EQ(out, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
}

TEST(HeadWriter, every_status_makes_a_status_line_that_parses) {
    for (int status = 100; status < 600; ++status) {
        std::string out;
        HeadWriter::response(out, status).field("content-length", std::uint64_t{0}).end();
        const auto head = ResponseHead::parse(out);
        ASSERT_TRUE(head) << status;
        EXPECT_EQ(head->status(), status);
        EXPECT_FALSE(reason_phrase(status).empty());
    }
}

TEST(HeadWriter, chunks_read_back) {
    const std::vector<std::string> pieces = {"a",
                                             "\r\n",
                                             "0\r\n\r\n",
                                             std::string(15, 'x'),
                                             std::string(16, 'y'),
                                             std::string(70'000, 'z')};
    std::string wire;
    std::string body;
    for (const std::string& piece : pieces) {
        append_chunk(wire, piece);
        body += piece;
    }
    EXPECT_TRUE(wire.starts_with("1\r\na\r\n2\r\n\r\n\r\n5\r\n"));
    wire += last_chunk;
    BodyDecoder decoder(Framing{Framing::Kind::chunked, 0});
    std::string_view rest = wire;
    std::string decoded;
    while (!rest.empty()) {
        const auto step = decoder.feed(rest);
        ASSERT_TRUE(step);
        decoded += step->piece;
        rest.remove_prefix(step->used);
    }
    EXPECT_TRUE(decoder.done());
    EXPECT_EQ(decoded, body);
}

} // namespace
} // namespace weir::wire
