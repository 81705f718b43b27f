@ The square root of a float, for calls with floats in registers.

    .syntax unified
    .thumb
    .fpu fpv4-sp-d16

    .section .text.kinglet_vfp_sqrt, "ax", %progbits
    .p2align 2
    .global kinglet_vfp_sqrt
    .type kinglet_vfp_sqrt, %function
    .thumb_func
kinglet_vfp_sqrt:
    vsqrt.f32 s0, s0
    bx lr
    .size kinglet_vfp_sqrt, . - kinglet_vfp_sqrt
