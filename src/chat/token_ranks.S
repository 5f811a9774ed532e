// The vocabularies, as the npm package js-tiktoken ships them: data alone.
        .section .rodata
        .global weir_ranks_cl100k_base
        .global weir_ranks_cl100k_base_end
        .global weir_ranks_o200k_base
        .global weir_ranks_o200k_base_end
weir_ranks_cl100k_base:
        .incbin "cl100k_base.js"
weir_ranks_cl100k_base_end:
        .byte 0
weir_ranks_o200k_base:
        .incbin "o200k_base.js"
weir_ranks_o200k_base_end:
        .byte 0
        .section .note.GNU-stack,"",@progbits
