#include "grammar.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sim {
namespace {

using std::chrono::milliseconds;

TEST(Grammar, name_without_script_is_the_default) {
    const auto script = parse_script("gpt-4o-mini");
    ASSERT_TRUE(script);
    EXPECT_EQ(script->chunks, 8U);
    EXPECT_EQ(script->size, 16U);
    EXPECT_EQ(script->status, 200U);
    EXPECT_TRUE(script->role);
    EXPECT_FALSE(script->cut);
}

TEST(Grammar, empty_script_is_the_default) {
    EXPECT_TRUE(parse_script("sim:"));
    EXPECT_EQ(parse_script("sim:")->chunks, 8U);
}

TEST(Grammar, reads_counts_pauses_flags_and_words) {
    const auto script =
        parse_script("sim:chunks=200,size=50,delay=10ms,first=2s,role=0,crlf,finish=length,cut=50");
    ASSERT_TRUE(script);
    EXPECT_EQ(script->chunks, 200U);
    EXPECT_EQ(script->size, 50U);
    EXPECT_EQ(script->delay, milliseconds(10));
    EXPECT_EQ(script->first, milliseconds(2000));
    EXPECT_FALSE(script->role);
    EXPECT_TRUE(script->crlf);
    EXPECT_EQ(script->finish, "length");
    EXPECT_EQ(script->cut, 50U);
}

TEST(Grammar, zero_is_a_place_to_fail_at) {
    EXPECT_EQ(parse_script("sim:cut=0")->cut, 0U);
    EXPECT_EQ(parse_script("sim:error_in=0")->error_in, 0U);
}

TEST(Grammar, a_key_alone_takes_its_usual_value) {
    EXPECT_EQ(parse_script("sim:badlength")->badlength, 100U);
    EXPECT_EQ(parse_script("sim:tools")->tools, 1U);
    EXPECT_FALSE(parse_script("sim:cut"));
    EXPECT_FALSE(parse_script("sim:delay"));
}

TEST(Grammar, refuses_what_it_does_not_know) {
    EXPECT_FALSE(parse_script("sim:chunk=3"));
    EXPECT_FALSE(parse_script("sim:chunks=x"));
    EXPECT_FALSE(parse_script("sim:chunks=-1"));
    EXPECT_FALSE(parse_script("sim:chunks=99999999999"));
    EXPECT_FALSE(parse_script("sim:chunks=10000001"));
    EXPECT_FALSE(parse_script("sim:delay=10h"));
    EXPECT_FALSE(parse_script("sim:role=yes"));
    EXPECT_FALSE(parse_script("sim:code=a\"b"));
    EXPECT_FALSE(parse_script("sim:chunks=1,,size=2"));
    EXPECT_FALSE(parse_script("sim:status=99"));
}

TEST(Grammar, names_the_key_at_fault) {
    EXPECT_NE(parse_script("sim:size=1,speed=9").error().find("speed"), std::string::npos);
    EXPECT_NE(parse_script("sim:size=big").error().find("size"), std::string::npos);
}

TEST(Grammar, a_stamp_needs_room) {
    EXPECT_FALSE(parse_script("sim:stamp"));
    EXPECT_TRUE(parse_script("sim:stamp,size=64"));
}

TEST(Grammar, reads_pauses_in_every_unit) {
    EXPECT_EQ(parse_pause("50us"), std::chrono::microseconds(50));
    EXPECT_EQ(parse_pause("7"), milliseconds(7));
    EXPECT_EQ(parse_pause("1m"), std::chrono::minutes(1));
    EXPECT_FALSE(parse_pause("ms"));
    EXPECT_FALSE(parse_pause(""));
    EXPECT_FALSE(parse_pause("1.5s"));
}

TEST(Grammar, script_without_faults_keeps_its_shape) {
    const Script fine = without_faults(
        *parse_script("sim:chunks=3,status=500,cut=1,stall=2,garbage,delay=1ms,times=2"));
    EXPECT_EQ(fine.chunks, 3U);
    EXPECT_EQ(fine.delay, milliseconds(1));
    EXPECT_EQ(fine.status, 200U);
    EXPECT_FALSE(fine.cut || fine.stall || fine.garbage);
}

TEST(Grammar, help_lists_the_keys) {
    const std::string help = grammar_help();
    EXPECT_NE(help.find("chunks=N"), std::string::npos);
    EXPECT_NE(help.find("header_delay=TIME"), std::string::npos);
}

TEST(Text, chunk_has_its_number_and_its_size) {
    std::string text;
    append_chunk(text, {.chunks = 20, .size = 16}, 12, 0);
    EXPECT_EQ(text, "12:mnopqrstuvwx ");
    text.clear();
    append_chunk(text, {.chunks = 20, .size = 1}, 12, 0);
    EXPECT_EQ(text, "1");
}

TEST(Text, stamp_stands_after_the_number) {
    std::string text;
    append_chunk(text, {.chunks = 1, .size = 34, .stamp = true}, 3, 42);
    EXPECT_EQ(text, "3:00000000000000000042:defghijklm ");
}

TEST(Text, every_chunk_keeps_its_size) {
    for (const std::uint32_t size : {1U, 2U, 3U, 77U, 78U, 79U, 200U, 1000U}) {
        for (const std::uint32_t k : {0U, 9U, 10U, 12345U}) {
            std::string narrow;
            append_chunk(narrow, {.chunks = 1, .size = size}, k, 0);
            EXPECT_EQ(narrow.size(), size);
            std::string wide;
            append_chunk(wide, {.chunks = 1, .size = size, .utf8 = true}, k, 0);
            EXPECT_EQ(wide.size(), size);
        }
    }
}

TEST(Text, letters_continue_across_pieces) {
    std::string text;
    append_letters(text, 5, 200);
    for (std::size_t place = 0; place < text.size(); ++place) {
        EXPECT_EQ(text[place], static_cast<char>('a' + (5 + place) % 26));
    }
}

} // namespace
} // namespace sim
