@ Pooling for Armv7E-M.

    .syntax unified
    .thumb

@ ---------------------------------------------------------------------------------------------
@ Windows of four channels at a time, see `Window` in pool.rs. r0: Window

    @ r1: source, r2: columns, r3: bytes from column to column, r4: rows, r5: from the end of a row to the next, r6: groups of
    @ channels, r7: output
    .macro POOL_BEGIN
    push {r4-r11, lr}
    ldm r0, {r1-r7}
    mls r5, r2, r3, r5
    .endm

    @ `tap` for the word lr of each tap of a window
    .macro POOL_TAPS tap
    mov r10, r1
    mov r11, r4
2:  mov r12, r2
3:  ldr lr, [r10]
    add r10, r3
    \tap
    subs r12, #1
    bne 3b
    add r10, r5
    subs r11, #1
    bne 2b
    adds r1, #4
    .endm

    .macro POOL_ADD
    sxtab16 r8, r8, lr
    sxtab16 r9, r9, lr, ror #8
    .endm

    @ The greater bytes of r8 and lr.
    .macro POOL_MAX
    ssub8 r9, lr, r8
    sel r8, lr, r8
    .endm

    @ A sum to the output. r10: half the count, r11: count, r12: least, lr: greatest
    .macro POOL_DIVIDE sum
    cmp \sum, #0
    ite gt
    addgt \sum, \sum, r10
    suble \sum, \sum, r10
    sdiv \sum, \sum, r11
    cmp \sum, r12
    it lt
    movlt \sum, r12
    cmp \sum, lr
    it gt
    movgt \sum, lr
    strb \sum, [r7], #1
    .endm

    .section .text.kinglet_armv7em_pool_average, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_pool_average
    .type kinglet_armv7em_pool_average, %function
    .thumb_func
kinglet_armv7em_pool_average:
    POOL_BEGIN
    push {r0, r1}
1:  mov r8, #0
    mov r9, #0
    POOL_TAPS POOL_ADD
    ldr r10, [sp]
    add r10, #WINDOW_COUNT
    ldm r10, {r11, r12, lr}
    lsrs r10, r11, #1
    str r1, [sp, #4]
    sxth r1, r8
    POOL_DIVIDE r1
    sxth r1, r9
    POOL_DIVIDE r1
    asr r8, #16
    POOL_DIVIDE r8
    asr r9, #16
    POOL_DIVIDE r9
    ldr r1, [sp, #4]
    subs r6, #1
    bne 1b
    add sp, #8
    pop {r4-r11, pc}
    .size kinglet_armv7em_pool_average, . - kinglet_armv7em_pool_average

    .section .text.kinglet_armv7em_pool_max, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_pool_max
    .type kinglet_armv7em_pool_max, %function
    .thumb_func
kinglet_armv7em_pool_max:
    POOL_BEGIN
1:  mov r8, #0x80808080
    POOL_TAPS POOL_MAX
    ldr lr, [r0, #WINDOW_LEAST]
    POOL_MAX
    ldr lr, [r0, #WINDOW_GREATEST]
    ssub8 r9, r8, lr
    sel r8, lr, r8
    str r8, [r7], #4
    subs r6, #1
    bne 1b
    pop {r4-r11, pc}
    .size kinglet_armv7em_pool_max, . - kinglet_armv7em_pool_max
