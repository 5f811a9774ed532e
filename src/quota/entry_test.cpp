#include "quota/entry.h"

#include "quota/ledger_store.h"

#include <gtest/gtest.h>
#include <random>

namespace weir::quota {
namespace {

// Numbers of every length that the packing knows, with both ends.
std::int64_t any_number(std::mt19937_64& random) {
    switch (random() % 8) {
    case 0: return INT64_MAX;
    case 1: return INT64_MIN;
    case 2: return 0;
    default: {
        const auto value = static_cast<std::int64_t>(random() >> (random() % 64));
        return random() % 2 == 0 ? value : -value;
    }
    }
}

std::string any_text(std::mt19937_64& random, std::size_t length) {
    std::string out(length, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
}

Account any_account(std::mt19937_64& random) {
    Account out;
    out.id = AccountId(any_number(random));
    out.subject = {static_cast<Scope>(random() % 4), any_number(random)};
    out.unit = static_cast<Unit>(random() % 3);
    out.period = static_cast<Period>(random() % 4);
    if (random() % 2 == 0) out.limit = static_cast<std::int64_t>(random() >> 1);
    out.origin = static_cast<Account::Origin>(random() % 2);
    out.zone_origin = static_cast<Account::Origin>(random() % 2);
    if (random() % 2 == 0) out.zone = config::TimeZone::find("Europe/Berlin");
    return out;
}

Entry any_entry(std::mt19937_64& random) {
    Entry out;
    out.kind = static_cast<EntryKind>(1 + random() % 8);
    for (unsigned char& byte : out.hold.bytes) byte = static_cast<unsigned char>(random());
    out.at = any_number(random);
    out.payer.key = KeyId(any_number(random));
    out.payer.user = UserId(any_number(random));
    if (random() % 2 == 0) out.payer.team = TeamId(static_cast<std::int64_t>(1 + random() % 1'000));
    for (std::size_t i = random() % 12; i > 0; --i)
        out.deltas.push_back({AccountId(any_number(random)), any_number(random), any_number(random),
                              any_number(random)});
    out.tokens_in = any_number(random);
    out.tokens_out = any_number(random);
    out.nanousd = any_number(random);
    out.reason = static_cast<Reason>(random() % 6);
    out.certainty = static_cast<Certainty>(random() % 2);
    out.price_version = any_number(random);
    if (random() % 2 == 0) out.request_digest.assign(32, static_cast<char>(random()));
    out.model = any_text(random, random() % 60);
    if (out.kind == EntryKind::limit_change)
        out.account = std::make_shared<const Account>(any_account(random));
    return out;
}

void expect_same(const Entry& a, const Entry& b) {
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.hold, b.hold);
    EXPECT_EQ(a.at, b.at);
    EXPECT_EQ(a.payer.key, b.payer.key);
    EXPECT_EQ(a.payer.user, b.payer.user);
    EXPECT_EQ(a.payer.team, b.payer.team);
    ASSERT_EQ(a.deltas.size(), b.deltas.size());
    for (std::size_t i = 0; i < a.deltas.size(); ++i) {
        EXPECT_EQ(a.deltas[i].account, b.deltas[i].account);
        EXPECT_EQ(a.deltas[i].window_start, b.deltas[i].window_start);
        EXPECT_EQ(a.deltas[i].settled, b.deltas[i].settled);
        EXPECT_EQ(a.deltas[i].held, b.deltas[i].held);
    }
    EXPECT_EQ(a.tokens_in, b.tokens_in);
    EXPECT_EQ(a.tokens_out, b.tokens_out);
    EXPECT_EQ(a.nanousd, b.nanousd);
    EXPECT_EQ(a.reason, b.reason);
    EXPECT_EQ(a.certainty, b.certainty);
    EXPECT_EQ(a.price_version, b.price_version);
    EXPECT_EQ(a.request_digest, b.request_digest);
    EXPECT_EQ(a.model, b.model);
    ASSERT_EQ(a.account == nullptr, b.account == nullptr);
    if (!a.account) return;
    EXPECT_EQ(a.account->id, b.account->id);
    EXPECT_EQ(a.account->subject, b.account->subject);
    EXPECT_EQ(a.account->unit, b.account->unit);
    EXPECT_EQ(a.account->period, b.account->period);
    EXPECT_EQ(a.account->limit, b.account->limit);
    EXPECT_EQ(a.account->origin, b.account->origin);
}

TEST(Entry, comes_out_of_a_payload_as_it_went_in) {
    std::mt19937_64 random(1); // NOLINT: a fixed seed repeats the run
    for (int round = 0; round < 2'000 && !testing::Test::HasFailure(); ++round) {
        std::vector<Entry> entries;
        std::string payload;
        for (std::size_t i = random() % 6; i > 0; --i) {
            entries.push_back(any_entry(random));
            append_entry(payload, entries.back());
        }
        std::string_view rest = payload;
        for (const Entry& entry : entries) {
            const auto taken = take_entry(rest);
            ASSERT_TRUE(taken);
            expect_same(entry, *taken);
        }
        EXPECT_TRUE(rest.empty());
        EXPECT_FALSE(take_entry(rest));
    }
}

TEST(Entry, cut_anywhere_is_none_and_leaves_the_payload_alone) {
    std::mt19937_64 random(2); // NOLINT: a fixed seed repeats the run
    for (int round = 0; round < 300; ++round) {
        std::string payload;
        append_entry(payload, any_entry(random));
        for (std::size_t length = 0; length < payload.size(); ++length) {
            std::string_view cut = std::string_view(payload).substr(0, length);
            ASSERT_FALSE(take_entry(cut)) << length << " of " << payload.size();
            ASSERT_EQ(cut.size(), length);
        }
    }
}

TEST(Entry, with_changed_bytes_is_none_or_another_entry_that_survives_packing) {
    std::mt19937_64 random(3); // NOLINT: a fixed seed repeats the run
    int survivors = 0;
    for (int round = 0; round < 20'000 && !testing::Test::HasFailure(); ++round) {
        std::string payload;
        append_entry(payload, any_entry(random));
        for (std::size_t i = 1 + random() % 3; i > 0; --i)
            payload[random() % payload.size()] = static_cast<char>(random());
        std::string_view rest = payload;
        const auto changed = take_entry(rest);
        if (!changed) continue;
        ++survivors;
        std::string again;
        append_entry(again, *changed);
        std::string_view packed = again;
        const auto taken = take_entry(packed);
        ASSERT_TRUE(taken);
        expect_same(*changed, *taken);
    }
    EXPECT_GT(survivors, 1'000);
}

TEST(Entry, of_random_bytes_never_reads_past_them) {
    std::mt19937_64 random(4); // NOLINT: a fixed seed repeats the run
    for (int round = 0; round < 50'000; ++round) {
        std::string bytes = any_text(random, random() % 80);
        if (!bytes.empty()) bytes[0] = static_cast<char>(1 + random() % 8);
        // A buffer of its own, so that a sanitizer sees the end.
        const std::vector<char> exact(bytes.begin(), bytes.end());
        std::string_view payload(exact.data(), exact.size());
        while (take_entry(payload)) {
        }
        ASSERT_LE(payload.size(), exact.size());
    }
}

TEST(Entry, a_number_of_more_than_64_bits_is_none) {
    Entry entry;
    std::string payload;
    append_entry(payload, entry);
    // The time follows the kind and the hold's 16 bytes.
    std::string longer = payload.substr(0, 17) + std::string(9, '\xff') + '\x02';
    longer += payload.substr(18);
    std::string_view rest = longer;
    EXPECT_FALSE(take_entry(rest));
    longer[17 + 9] = '\x01';
    rest = longer;
    const auto most = take_entry(rest);
    ASSERT_TRUE(most);
    EXPECT_EQ(most->at, INT64_MIN);
}

TEST(Entry, of_a_kind_that_is_not_known_is_none) {
    Entry entry;
    std::string payload;
    append_entry(payload, entry);
    for (const char kind : {'\0', '\x09', '\x7f'}) {
        payload[0] = kind;
        std::string_view rest = payload;
        EXPECT_FALSE(take_entry(rest));
    }
}

TEST(Entry, every_kind_and_reason_has_a_name) {
    for (int kind = 1; kind <= 8; ++kind) EXPECT_NE(name(static_cast<EntryKind>(kind)), "?");
    for (int reason = 1; reason <= 5; ++reason) EXPECT_NE(name(static_cast<Reason>(reason)), "");
}

TEST(BatchChecksum, knows_number_count_and_every_byte_of_the_payload) {
    const Batch batch{7, 2, "some payload"};
    const std::string checksum = batch_checksum(batch);
    EXPECT_EQ(checksum.size(), 16u);
    EXPECT_EQ(checksum, batch_checksum(batch));
    EXPECT_NE(checksum, batch_checksum({8, 2, "some payload"}));
    EXPECT_NE(checksum, batch_checksum({7, 3, "some payload"}));
    for (std::size_t i = 0; i < batch.payload.size(); ++i) {
        Batch flipped = batch;
        flipped.payload[i] = static_cast<char>(flipped.payload[i] ^ 1);
        EXPECT_NE(checksum, batch_checksum(flipped)) << i;
    }
}

} // namespace
} // namespace weir::quota
